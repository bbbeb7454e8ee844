"""`chargen sample`: generate text from a checkpoint, without TensorFlow."""

from __future__ import annotations

import contextlib
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import click

from chargen.cli.advice import advice
from chargen.cli.command import Command
from chargen.cli.options import WholeType, as_options, settings
from chargen.cli.output import until_closed, write_text
from chargen.display import one_line, printable, suggestion
from chargen.errors import UnknownCharacterError
from chargen.runs.checkpoint import Checkpoint
from chargen.runs.find import (
    find_checkpoint,
    hides_bundled,
    newer_run,
    open_checkpoint,
)
from chargen.sampling.engine import Engine
from chargen.sampling.generate import generate, longest, random_seed
from chargen.sampling.items import (
    TRIES,
    Accept,
    Sample,
    generate_texts,
    unrepeated,
    without_label,
)
from chargen.sampling.options import Sampling
from chargen.text.policy import LABEL_END

F = TypeVar("F", bound=Callable[..., Any])


SHOWN_LABELS = 500  # characters


class Seed(WholeType):
    """A random seed, which people may mistake for the text to start from."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the number."""
        try:
            int(value)
        except ValueError:
            self.fail(
                f"{value!r} is not a number; to give a text, use --seed-text", param, ctx
            )
        return int(super().convert(value, param, ctx))


@dataclass(frozen=True)
class Wanted:
    """Which texts a user wants; each field has an option, which says more.

    Attributes:
        count: how many.
        unique: whether no two may be the same.
        new: whether none may stand in the training text.
        corpus: the training text's files and folders.
        label: the label of the items.
    """

    count: int
    unique: bool
    new: bool
    corpus: tuple[str, ...]
    label: str | None

    @property
    def for_items(self) -> str | None:
        """The first option given that only a model of items can follow."""
        given = {"--unique": self.unique, "--new": self.new}
        given["--label"] = self.label is not None
        return next((name for name, value in given.items() if value), None)


WANTED_OPTIONS = (
    click.option(
        "--count",
        type=WholeType(min=1),
        default=1,
        show_default=True,
        help="How many texts; of a model of items, how many items.",
    ),
    click.option(
        "--unique", is_flag=True, help="Draw an item again that repeats an earlier one."
    ),
    click.option(
        "--new",
        is_flag=True,
        help="Draw an item again that stands in the training text. This needs --corpus, or "
        "a run that was trained with --remember-items.",
    ),
    click.option(
        "--corpus",
        multiple=True,
        metavar="FILE",
        help="A file or folder of the training text, for --new; can be repeated.",
    ),
    click.option("--label", metavar="TEXT", help="The label of the items to write."),
)


def wanted_options(command: F) -> F:
    """Add `WANTED_OPTIONS` to a command."""
    for add in reversed(WANTED_OPTIONS):
        command = add(command)
    return command


@click.command(
    cls=Command,
    short_help="Write text as a trained model does.",
    extra="Give the text to continue with --seed-text.",
)
@click.argument("checkpoint")
@click.option(
    "--seed-text",
    default="",
    metavar="TEXT",
    help="The text to continue, of any length.  [default: none]",
)
@settings(Sampling, seed={"type": Seed(min=0)})
@wanted_options
@click.option(
    "--raw",
    is_flag=True,
    help="Write control characters as they are, even to a terminal.",
)
def sample(checkpoint: str, seed_text: str, raw: bool, **values: Any) -> None:
    """Write text as CHECKPOINT does.

    CHECKPOINT is the folder of a run or of one of its steps, or the name of a run under
    checkpoints/, under $CHARGEN_HOME, or among those that ship with chargen. A run
    stands for its best step; RUN/latest is the last one.

    A model that learned from items (a list of names, say) writes whole items, laid out as
    in its corpus. --unique and --new give up after 100 tries for one item.

    \b
    chargen sample harbour-plays --seed-text "PELL:" --temperature 0.5
    chargen sample sishi-jueju --length 100 --seed 1 > poems.txt
    chargen sample names --count 20 --unique --new --corpus names.txt
    """
    wanted = Wanted(**{field.name: values.pop(field.name) for field in fields(Wanted)})
    with advice(checkpoint):
        found = open_checkpoint(checkpoint)
    model = Engine.from_checkpoint(found)
    accept = _accept(checkpoint, found, wanted)
    seed_text = seed_text.removeprefix("\ufeff")  # from a file that an editor wrote
    sampling, drawn = _sampling(values)
    with _hinting(seed_text):  # each of these reads the seed text before it draws anything
        characters = generate(model, seed_text, sampling)
        samples = generate_texts(
            model, sampling, seed_text=seed_text, label=wanted.label, accept=accept
        )
    _say_what_is_used(checkpoint)
    if drawn and sampling.temperature > 0 and sampling.length != 0:
        again = f"the same text again: --seed {sampling.seed}"
        click.echo(f"seed {sampling.seed} ({again})", err=True)
    with until_closed():
        if wanted.count == 1 and accept is None and wanted.label is None:
            pieces = itertools.chain([model.policy.prepare(seed_text)], characters)
            length = write_text(pieces, raw=raw) - 1
            written = Written(1, cut=length == longest(model, sampling))
        else:
            several = itertools.islice(samples, wanted.count)
            written = _write(several, apart=_apart(model), raw=raw)
        for note in _notes(written, wanted, model, sampling):
            click.echo(note, err=True)


def _require_possible(found: Checkpoint, wanted: Wanted) -> None:
    """Refuse what only a model of items can do, or only one with labels."""
    if wanted.label is not None and not found.text.label:
        raise click.UsageError(
            "--label is for models whose items have labels: train one with --column NAME "
            "--label NAME"
        )
    labels = found.training.get("labels")
    if wanted.label is not None and isinstance(labels, str):
        _require_label(found.text.prepare(wanted.label), labels.split(LABEL_END))
    if wanted.for_items is not None and found.vocabulary.end is None:
        raise click.UsageError(
            f"{wanted.for_items} is for models of items, and this one learned from running "
            "text: train one with --documents lines, on a text with an item a line"
        )
    if wanted.corpus and not wanted.new:
        raise click.UsageError("--corpus is what --new compares with: add --new")


def _require_label(label: str, known: list[str]) -> None:
    """Refuse a label that the model never saw: what it would write means nothing."""
    if label not in known:
        near = suggestion(label, known)
        shown = one_line(", ".join(known))[:SHOWN_LABELS]
        raise click.UsageError(f"there is no label {label!r}{near} There are: {shown}")


def _accept(name: str, found: Checkpoint, wanted: Wanted) -> Accept | None:
    """Return what says whether an item is wanted; None if all are.

    Raises:
        click.UsageError: the model cannot write what is wanted.
    """
    _require_possible(found, wanted)
    rules: list[Accept] = []
    if wanted.new:
        from chargen.cli.known import HOW, known_items  # reads texts: only this needs it

        known = known_items(name, found, wanted.corpus)
        if known is None:
            raise click.UsageError(f"--new has nothing to compare with: {HOW}")
        labelled = found.text.label and wanted.label is None
        rules.append(lambda text: (without_label(text) if labelled else text) not in known)
    if wanted.unique:
        rules.append(unrepeated())  # last: it remembers what all others accepted
    return (lambda text: all(rule(text) for rule in rules)) if rules else None


@contextlib.contextmanager
def _hinting(seed_text: str) -> Iterator[None]:
    """Say how a seed text is typed where that is what may have gone wrong."""
    try:
        yield
    except UnknownCharacterError as error:
        hint = _hint(seed_text)
        if not hint:
            raise
        raise UnknownCharacterError(f"{error}\n({hint})") from error


def _say_what_is_used(checkpoint: str) -> None:
    """Name a newer run of the same text, and a run that hides a bundled one."""
    newer = newer_run(find_checkpoint(checkpoint))
    if newer is not None:
        note = f"note: {newer} is a newer run of the same text"
        click.echo(printable(note), err=True)
    if hides_bundled(checkpoint):
        click.echo(f"from {find_checkpoint(checkpoint)}, not the bundled one", err=True)


def _hint(seed_text: str) -> str:
    """Say how a seed text is typed, where it looks as if that went wrong."""
    if set(seed_text[:1] + seed_text[-1:]) & set("“”‘’「」"):
        return "quotes around a text have to be straight ones on a command line"
    if "\\n" in seed_text:
        return (
            "a newline is typed $'First\\nCitizen' in bash and zsh, and "
            '"First`nCitizen" in PowerShell'
        )
    return ""


def _sampling(values: dict[str, Any]) -> tuple[Sampling, bool]:
    """Return how to sample, and whether the seed was drawn."""
    drawn = values["seed"] is None
    try:
        sampling = Sampling(
            **{**values, "seed": random_seed() if drawn else values["seed"]}
        )
    except ValueError as error:  # a temperature that is not a number, say
        raise click.UsageError(as_options(str(error))) from error
    return sampling, drawn


def _apart(model: Engine) -> bool:
    """Whether a blank line stands between two texts of a model."""
    return model.vocabulary.end is None or model.policy.separator == "\n\n"


@dataclass(frozen=True)
class Written:
    """How many texts were written, and how many of them did not end by themselves."""

    count: int
    cut: int


def _write(samples: Iterable[Sample], *, apart: bool, raw: bool) -> Written:
    """Write texts as they come, each on lines of its own; `apart` as `_apart` says."""
    count = cut = 0
    for sample in samples:
        if count and apart:
            sys.stdout.write("\n")
        write_text([sample.text], raw=raw)
        count, cut = count + 1, cut + (not sample.ended)
    return Written(count, cut)


def _notes(
    written: Written, wanted: Wanted, model: Engine, sampling: Sampling
) -> Iterator[str]:
    """Say what is not as it was wanted."""
    if written.count < wanted.count:
        reasons = ["repeats"] * wanted.unique + ["in the training text"] * wanted.new
        yield (
            f"note: found {written.count:,} of {wanted.count:,}: {TRIES} in a row were "
            f"{' or '.join(reasons)}; a higher --temperature varies more"
        )
    if written.cut and model.vocabulary.end is not None:
        items = f"{written.cut:,} of {written.count:,} items"
        length = longest(model, sampling)
        yield f"note: {items} did not end within {length:,} characters: cut off there"
