"""Learning curves: read from the logs of runs, drawn by matplotlib or as text."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chargen.display import one_line
from chargen.errors import SettingsError
from chargen.runs.run import Run

AXES = {"seconds": "seconds", "steps": "step", "epochs": "epoch"}
"""What a curve can run along, with the name that it has in a log."""

PICTURES = (".png", ".svg")
MARKS = "ox+*#@%&"

# A run may be named in any script; the first font that has a character draws it.
FONTS = (
    *("DejaVu Sans", "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC"),
    *("Microsoft YaHei", "SimHei", "PingFang SC", "Hiragino Sans GB", "WenQuanYi Zen Hei"),
)


@dataclass(frozen=True)
class Curve:
    """The losses of one run.

    Attributes:
        name: the name of the run.
        train, validation: (where, nats per character) for each line of its log, in order.
    """

    name: str
    train: tuple[tuple[float, float], ...]
    validation: tuple[tuple[float, float], ...]

    @property
    def told(self) -> tuple[tuple[float, float], ...]:
        """The validation losses, or those of training where there are fewer than two."""
        return self.validation if len(self.validation) > 1 or not self.train else self.train


def read_curve(run: Run, name: str, by: str) -> Curve:
    """Read the log of a run.

    Args:
        run: the run.
        name: what to call it.
        by: one of `AXES`.

    Raises:
        CheckpointError: the log cannot be read.
        SettingsError: it has no losses yet.
    """
    points: dict[str, list[tuple[float, float]]] = {"train": [], "validation": []}
    for line in run.log:
        for kind, found in points.items():
            if line.get(kind) is not None:
                found.append((float(line[AXES[by]]), float(line[kind])))
    if not points["train"] and not points["validation"]:
        raise SettingsError(f"the log of {one_line(name)} has no losses yet")
    return Curve(name, tuple(points["train"]), tuple(points["validation"]))


def draw(curves: Sequence[Curve], path: Path, by: str) -> bool:
    """Write a picture: validation losses as dots on a line, training losses as a thin one.

    Args:
        curves: at least one.
        path: ends in one of `PICTURES`.
        by: what they run along.

    Returns:
        Whether every character could be drawn. In an .svg the reader's fonts draw them.

    Raises:
        SettingsError: matplotlib is not installed, or the picture cannot be written.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise SettingsError(
            "a picture needs matplotlib: pip install matplotlib, where chargen is "
            "installed. Without `out`, the curves are drawn in the terminal"
        ) from error
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # missing fonts
    with matplotlib.rc_context({"font.family": list(FONTS), "svg.fonttype": "none"}):
        figure = Figure(figsize=(8, 5), layout="constrained")
        axes = figure.subplots()
        for i, curve in enumerate(curves):
            name = one_line(curve.name).replace("$", r"\$")  # a name is not a formula
            if curve.train:
                (line,) = axes.plot(*zip(*curve.train, strict=True), color=f"C{i}")
                line.set(linewidth=0.8, alpha=0.6, label=f"training: {name}")
            if curve.validation:
                (line,) = axes.plot(*zip(*curve.validation, strict=True), color=f"C{i}")
                line.set(marker="o", markersize=3.5, label=f"validation: {name}")
        axes.set(xlabel=by, ylabel="loss, nats a character")
        axes.grid(alpha=0.3)
        axes.legend(*axes.get_legend_handles_labels())
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                figure.savefig(path, dpi=150)
            except OSError as error:
                raise SettingsError(
                    f"cannot write {one_line(str(path))}: {error.strerror}"
                ) from error
    missing = any("missing from font" in str(warning.message) for warning in caught)
    return not missing or path.suffix.lower() == ".svg"


def sketch(curves: Sequence[Curve], by: str, *, width: int, height: int) -> list[str]:
    """Return the lines of a drawing in text, with one curve per run.

    Args:
        curves: at least one.
        by: what they run along.
        width, height: the size of the plane between the axes, in characters.
    """
    told = [np.array(curve.told) for curve in curves]
    every = np.concatenate(told)  # (points, 2)
    (left, low), (right, high) = every.min(axis=0), every.max(axis=0)
    columns = np.linspace(left, right if right > left else left + 1, width)
    plane = [[" "] * width for _ in range(height)]
    for i, points in enumerate(told):
        values = np.interp(columns, *points.T)
        inside = (columns >= points[0, 0]) & (columns <= points[-1, 0])
        inside[np.abs(columns - points[-1, 0]).argmin()] = True  # a single point, too
        rows = (high - values) / max(high - low, 1e-9) * (height - 1)
        for x in np.flatnonzero(inside):
            plane[round(float(rows[x]))][x] = MARKS[i % len(MARKS)]
    labels = {0: f"{high:.3f}", height - 1: f"{low:.3f}"}
    margin = max(map(len, labels.values()))
    lines = [
        f"{labels.get(y, ''):>{margin}} |{''.join(row).rstrip()}"
        for y, row in enumerate(plane)
    ]
    ends = f"{left:,.4g}", f"{right:,.4g} {by}"
    lines.append(" " * margin + " +" + "-" * width)
    lines.append(" " * (margin + 2) + ends[0] + ends[1].rjust(width - len(ends[0])))
    for i, curve in enumerate(curves):
        kind = "validation" if curve.told is curve.validation else "training"
        best = min(nats for _, nats in curve.told)
        mark = MARKS[i % len(MARKS)]
        lines.append(f"{mark} {one_line(curve.name)}: {kind} loss, {best:.4f} at best")
    return lines
