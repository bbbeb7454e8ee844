"""The texts that `chargen sample` is asked for: drawn, and handed on to be shown."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from chargen.cli.output import write_text
from chargen.cli.samples import Show, settings_record
from chargen.cli.seeds import say_letters, say_replaced
from chargen.cli.wanted import Wanted, acceptable, copy_index, shortfall
from chargen.runs.checkpoint import Checkpoint
from chargen.sampling.generate import Generation, generate
from chargen.sampling.method import longest
from chargen.sampling.model import Model
from chargen.sampling.options import Sampling
from chargen.sampling.texts import Accept, Sample, generate_texts

if TYPE_CHECKING:
    from chargen.sampling.copies import CopyGuard, CopyIndex


@dataclass(frozen=True)
class Models:
    """What writes.

    Attributes:
        checkpoints: what was read, by name; a backward model comes last.
        model: the model of the first, or a blend of them.
        backward: what writes what comes before a word; None if there is no such word.
        about: what JSON says of a blend.
    """

    checkpoints: dict[str, Checkpoint]
    model: Model
    backward: Model | None
    about: dict[str, Any]

    @property
    def name(self) -> str:
        """The name of the first checkpoint."""
        return next(iter(self.checkpoints))

    @property
    def first(self) -> Checkpoint:
        """The first checkpoint: its corpus is the one that counts."""
        return self.checkpoints[self.name]


class Task:
    """The texts that a command is asked for.

    Args:
        models: what writes them.
        texts: what they go on from; with a backward model, the word that they contain.
        samplings: how they are drawn, in turn.
        wanted: which of them are wanted.

    Attributes:
        copies: what stands in the corpus, if that is to be marked; None otherwise.
    """

    def __init__(
        self,
        models: Models,
        texts: list[str],
        samplings: tuple[Sampling, ...],
        wanted: Wanted,
    ) -> None:
        self.models, self.texts = models, texts
        self.model, self.backward = models.model, models.backward
        self.samplings, self.wanted = samplings, wanted
        self._accept: Accept | None = acceptable(models.name, models.first, wanted)
        self._guard: CopyGuard | None = None
        if wanted.no_copy is not None:
            self._compare(wanted.no_copy)
        self.copies: CopyIndex | None = None
        if wanted.mark_copies is not None:
            self.copies = copy_index(models.first, wanted, wanted.mark_copies)
        self._samples: list[Iterator[Sample]] = []
        self._characters: Generation | None = None
        self._count = self._cut = 0

    def _compare(self, longest: int) -> None:
        """Read the corpus, of which no more than so many characters may be copied."""
        found = self.models.first
        if self.backward is not None:  # both models write: look at the whole text
            index, others = copy_index(found, self.wanted, longest + 1), self._accept
            self._accept = lambda text: (
                not index.spans(text) and (others is None or others(text))
            )
            return
        from chargen.sampling.copies import CopyGuard

        index = copy_index(found, self.wanted, longest + 1, arranged=found.text.backward)
        self._guard = CopyGuard(index, self.model.vocabulary)

    def start(self, *, streamed: bool) -> None:
        """Prepare all texts, and draw none.

        Args:
            streamed: whether a text may be written as it comes, if there is but one.

        Raises:
            UnknownCharacterError: a text has characters that the model never saw.
            ValueError: the model cannot write what is wanted.
        """
        wanted, first = self.wanted, self.samplings[0]
        one = wanted.count * len(self.texts) * len(self.samplings) == 1
        plain = self._accept is None and wanted.label is None and self.backward is None
        in_vain = self._guard is not None and first.pattern is not None
        if one and plain and streamed and not in_vain and not self.model.policy.backward:
            self._characters = generate(self.model, self.texts[0], first, guard=self._guard)
            return
        self._samples = [self._drawn(sampling) for sampling in self.samplings]

    def _drawn(self, sampling: Sampling) -> Iterator[Sample]:
        wanted = self.wanted
        if self.backward is not None:
            from chargen.sampling.around import generate_around  # only a word needs it

            return generate_around(
                self.model,
                self.backward,
                self.texts[0],
                sampling,
                accept=self._accept,
                count=wanted.count,
            )
        return generate_texts(
            self.model,
            sampling,
            seed_text=self.texts,
            label=wanted.label,
            accept=self._accept,
            guard=self._guard,
            count=wanted.count,
        )

    def say(self, *, drawn: bool) -> None:
        """Say on stderr what was replaced in seed texts, and which seed was drawn."""
        sampling = self.samplings[0]
        say_replaced(self.model, self.texts, sampling.unknown)
        say_letters(self.model, sampling)
        luck = any(each.temperature > 0 for each in self.samplings)
        if drawn and luck and sampling.length != 0:
            again = f"the same text again: --seed {sampling.seed}"
            click.echo(f"seed {sampling.seed} ({again})", err=True)

    def write(self, show: Show) -> None:
        """Draw the texts and show them."""
        if self._characters is not None:
            text = self._characters
            write_text(itertools.chain([text.seed_text], text), raw=show.raw)
            self._count, self._cut = 1, not text.ended
            return
        several = len(self.samplings) > 1
        show.write(
            (
                f"temperature {sampling.temperature:g}" if several else "",
                self._counted(samples),
                self._record(sampling) if show.as_json else {},
            )
            for sampling, samples in zip(self.samplings, self._samples, strict=True)
        )

    def _record(self, sampling: Sampling) -> dict[str, Any]:
        """Return what JSON says of every text."""
        about = dict(self.models.about)
        if self.wanted.label is not None:
            about["label"] = self.wanted.label
        if self.backward is not None:
            about["containing"] = self.texts[0]
        wanted = self.wanted
        chosen = {"no_copy": wanted.no_copy, "unique": wanted.unique, "new": wanted.new}
        about |= {name: value for name, value in chosen.items() if value}
        if wanted.no_copy is not None or (wanted.new and wanted.corpus):
            from chargen.cli.known import corpus_record  # only this needs it

            about["corpus"] = corpus_record(wanted.corpus)
        return settings_record(sampling, self.models.checkpoints, **about)

    def _counted(self, samples: Iterator[Sample]) -> Iterator[Sample]:
        for each in samples:
            self._count, self._cut = self._count + 1, self._cut + (not each.ended)
            yield each

    def notes(self) -> Iterator[str]:
        """Say what is not as it was wanted."""
        sampling = self.samplings[0]
        all_of_them = self.wanted.count * len(self.texts) * len(self.samplings)
        yield from shortfall(self._count, self.wanted, all_of_them)
        shape = (sampling.lines, sampling.pattern, sampling.acrostic)
        shaped = sampling.stop or any(each is not None for each in shape)
        if self._cut and (shaped or self.model.vocabulary.end is not None):
            what = "items" if self.model.vocabulary.end is not None else "texts"
            length = longest(self.model, sampling)
            yield (
                f"note: {self._cut:,} of {self._count:,} {what} did not end within "
                f"{length:,} characters: cut off there"
            )
