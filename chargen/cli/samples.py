"""How samples are shown: as plain text, as JSON lines, in a file, ranked, with marks."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chargen._version import __version__
from chargen.cli.options import own, together
from chargen.cli.output import write_text
from chargen.runs.checkpoint import Checkpoint
from chargen.sampling.options import Sampling
from chargen.sampling.rules import CHAIN
from chargen.sampling.texts import Sample
from chargen.system.files import save_file

if TYPE_CHECKING:
    from chargen.sampling.copies import CopyIndex

OPEN, CLOSE = "[[", "]]"
"""What stands around what was copied."""


def _file(_: click.Context, __: click.Parameter, path: Path | None) -> Path | None:
    """Refuse a file that cannot be written before anything is drawn; `-` is stdout."""
    if path is None or path == Path("-"):
        return None
    if not path.name:
        raise click.BadParameter("it names no file")
    if not path.parent.is_dir():
        raise click.BadParameter(f"there is no folder {str(path.parent)!r}")
    return path


show_options = together(
    own(
        "--rank",
        group="many",
        is_flag=True,
        help="Put the texts first that cost the model the fewest nats a character.",
    ),
    own(
        "--out",
        group="output",
        type=click.Path(path_type=Path, dir_okay=False),
        callback=_file,
        metavar="FILE",
        help="Write to this file, as UTF-8, rather than to stdout.",
    ),
    own(
        "--json",
        "as_json",
        group="output",
        is_flag=True,
        help="Write a JSON object a text, in one line: the text, its nats, and all that it "
        "takes to draw it again.",
    ),
    own(
        "--raw",
        group="output",
        is_flag=True,
        help="Write control characters as they are, even to a terminal.",
    ),
)


@dataclass(frozen=True)
class Show:
    """How samples are shown; each field but the last two has an option, which says more.

    Attributes:
        rank, out, as_json, raw: see the options.
        apart: whether a blank line stands between two texts.
        copies: what stands in the corpus; None where that does not matter.
    """

    rank: bool
    out: Path | None
    as_json: bool
    raw: bool
    apart: bool
    copies: CopyIndex | None

    @property
    def streams(self) -> bool:
        """Whether a text may be shown as it is written."""
        return not (self.rank or self.out or self.as_json or self.copies)

    def write(self, groups: Iterable[tuple[str, Iterator[Sample], dict[str, Any]]]) -> None:
        """Show samples as they come, or, if they are ranked or go to a file, at the end.

        Args:
            groups: headings, each with its samples and what JSON says of them besides.
                A heading that is empty is left out.
        """
        texts: list[str] = []

        def emit(text: str) -> None:
            if self.out is not None:
                texts.append(text if text.endswith("\n") else f"{text}\n")
            else:
                write_text([text], raw=self.raw or self.as_json)

        first = True
        for heading, samples, about in groups:
            ranked = (
                sorted(samples, key=lambda each: each.nats_each) if self.rank else samples
            )
            for number, sample in enumerate(ranked):
                if self.as_json:
                    emit(json.dumps(self._record(sample, about)))
                    continue
                if not first and (self.apart or (heading and not number)):
                    emit("\n")
                if heading and not number:
                    emit(heading)
                emit(self._marked(sample.text))
                first = False
        if self.out is not None:
            save_file(self.out, "".join(texts).encode("utf-8", "surrogateescape"))

    def _marked(self, text: str) -> str:
        """Return a text with marks around what was copied."""
        pieces, end = [], 0
        for start, stop in self.copies.spans(text) if self.copies is not None else ():
            pieces += [text[end:start], OPEN, text[start:stop], CLOSE]
            end = stop
        return "".join([*pieces, text[end:]])

    def _record(self, sample: Sample, about: dict[str, Any]) -> dict[str, Any]:
        """Return what JSON says of a sample."""
        known = [nats for nats in sample.nats if not math.isnan(nats)]
        found = {
            "text": sample.text,
            "seed_text": sample.seed_text,
            "number": sample.number,
            "ended": sample.ended,
            "nats": math.fsum(known),
            "nats_a_character": sample.nats_each,
        }
        if self.copies is not None:
            found["copies"] = self.copies.spans(sample.text)
        return found | about


def settings_record(
    sampling: Sampling, checkpoints: dict[str, Checkpoint], **more: Any
) -> dict[str, Any]:
    """Return what it takes, besides a sample's number, to draw it again."""
    return {
        "settings": asdict(sampling),
        **more,
        "checkpoints": [
            {"name": name, "step": found.step, "weights_sha256": weights_hash(found)}
            for name, found in checkpoints.items()
        ],
        "chain": CHAIN,
        "chargen": __version__,
    }


def weights_hash(found: Checkpoint) -> str:
    """Return the SHA-256 of a checkpoint's weights.safetensors."""
    from chargen.runs.tensors import tensor_bytes

    return hashlib.sha256(tensor_bytes(found.weights)).hexdigest()
