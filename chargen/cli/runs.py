"""`chargen runs`: the runs that are here, and those that ship with chargen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from chargen.checks import is_count
from chargen.cli.command import Command
from chargen.display import one_line, printable
from chargen.errors import CheckpointError
from chargen.runs.checkpoint import read_manifest
from chargen.runs.find import BUNDLED_CHECKPOINTS, checkpoint_folders, hidden, runs_in
from chargen.runs.run import Run
from chargen.text.sources import in_role

COLUMNS = ("name", "corpus", "model", "created", "loss", "scored", "steps", "finished")


@click.command(cls=Command, short_help="List runs.")
@click.argument("folders", nargs=-1, type=click.Path(path_type=Path), metavar="[DIR]...")
@click.option("--json", "as_json", is_flag=True, help="Write JSON, a list of runs.")
def runs(folders: tuple[Path, ...], as_json: bool) -> None:
    """List the runs in DIR: corpus, model, date, best loss, steps, whether it is finished.

    Without DIR, list those that a name finds: in checkpoints/, in $CHARGEN_HOME and
    among the ones that ship with chargen. The loss is in nats a character, on the
    validation part or, in brackets, where there is none, on the training part; scored is
    how many characters of the validation part it is the mean over.

    \b
    chargen runs
    chargen runs /work/experiments --json
    """
    found = [summary(run, bare=not folders) for run in _wanted(folders)]
    if as_json:
        click.echo(json.dumps(found, indent=2))  # ASCII: safe for a terminal
        return
    if not found:
        click.echo("there are no runs here: train one with chargen train FILE", err=True)
        return
    from rich.cells import cell_len  # a Chinese character is two columns wide

    rows = [COLUMNS, *(_row(run) for run in found)]
    widths = [max(cell_len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    for row in rows:
        pads = (" " * (w - cell_len(c)) for c, w in zip(row, widths, strict=True))
        click.echo("  ".join(map("".join, zip(row, pads, strict=True))).rstrip())


def _wanted(folders: tuple[Path, ...]) -> list[Run]:
    for folder in folders:
        if not folder.is_dir():
            raise CheckpointError(f"there is no folder {printable(str(folder))}")
    return runs_in(folders or checkpoint_folders())


def summary(run: Run, *, bare: bool) -> dict[str, Any]:
    """Return what is known about a run; `error` is among it if the run is damaged.

    Args:
        run: the run.
        bare: whether to name it as a command finds it: without a folder, if that is
            enough.
    """
    name = run.folder.name if bare and not hidden(run.folder) else str(run.folder)
    about: dict[str, Any] = {"name": name, "folder": str(run.folder)}
    try:
        description = run.description()
        sources = in_role(run.sources(), "train")
        about["corpus"] = sources[0].name if sources else ""
        if len(sources) > 1:
            about["corpus"] += f" and {len(sources) - 1:,} more"
        settings = description.get("settings", {})
        for name in ("cell", "units", "layers"):
            about[name] = settings.get(name)
        backward = settings.get("backward") is True
        about["direction"] = "backward" if backward else "forward"
        about["created"] = str(description.get("created", ""))
        about["finished"] = description.get("finished") is True
        if not run.has("latest") and not run.steps():
            none = dict.fromkeys(("train", "validation", "validation_characters"))
            return {**about, "steps": 0, **none}
        best = read_manifest(run.step_folder("best"))
        # A crash may have moved `best` and not `latest` yet.
        about["steps"] = run.latest_step() if run.has("latest") else best.step
    except CheckpointError as error:
        return {**about, "error": str(error)}
    count = best.training.get("validation_characters")
    scored = best.validation_loss is not None and is_count(count)
    return {
        **about,
        "train": best.train_loss,
        "validation": best.validation_loss,
        "validation_characters": count if scored else None,
    }


def _row(run: dict[str, Any]) -> tuple[str, ...]:
    """Return the cells of a run, each on one line."""
    if "error" in run:
        damaged = f"damaged: see chargen verify {run['folder']}"
        return (_short_name(run), one_line(damaged), "", "", "", "", "", "")
    loss, count = "-", run["validation_characters"]
    if run["validation"] is not None:
        loss = f"{run['validation']:.4f}"
    elif run["train"] is not None:
        loss = f"({run['train']:.4f})"
    return (
        _short_name(run),
        one_line(run["corpus"][:40]),
        one_line(_model(run)[:40]),
        one_line(run["created"][:16].replace("T", " ")),
        loss,
        "-" if count is None else f"{count:,}",
        f"{run['steps']:,}",
        "yes" if run["finished"] else "no",
    )


def _model(run: dict[str, Any]) -> str:
    """Return a run's cell, size and, if it is backward, direction, as run.json has them."""
    parts = (run["cell"], run["layers"], run["units"])
    size = "-" if None in parts else "{} {} × {}".format(*parts)
    return size if run["direction"] == "forward" else f"{size} backward"


def _short_name(run: dict[str, Any]) -> str:
    """Return the name on one line; a bundled run that another one hides has a long path."""
    folder = Path(run["folder"])
    if folder.parent == BUNDLED_CHECKPOINTS and run["name"] != folder.name:
        return one_line(f"{folder.name} (bundled)")
    return one_line(run["name"])
