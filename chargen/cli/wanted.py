"""Which texts a user wants of a model, and what keeps others away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import click

from chargen.cli.options import WholeType, own, together
from chargen.display import one_line, suggestion
from chargen.runs.checkpoint import Checkpoint
from chargen.sampling.draft import HISTORY
from chargen.sampling.texts import (
    TRIES,
    Accept,
    unrepeated,
    without_label,
)
from chargen.text.policy import LABEL_END

if TYPE_CHECKING:
    from chargen.sampling.copies import CopyIndex

SHOWN_LABELS = 500  # characters


@dataclass(frozen=True)
class Wanted:
    """Which texts a user wants; each field has an option, which says more.

    Attributes:
        count: how many.
        unique: whether no two may be the same.
        new: whether none may stand in the training text.
        label: the label of the items.
        corpus: the training text's files and folders.
        no_copy: how many characters at a stretch may stand in the corpus.
        mark_copies: from how many such characters on they are marked.
    """

    count: int
    unique: bool
    new: bool
    label: str | None
    corpus: tuple[str, ...]
    no_copy: int | None
    mark_copies: int | None

    @property
    def for_items(self) -> str | None:
        """The first option given that only a model of items can follow."""
        given = {"--unique": self.unique, "--new": self.new}
        given["--label"] = self.label is not None
        return next((name for name, value in given.items() if value), None)

    @property
    def reads_corpus(self) -> bool:
        """Whether there is anything for which the corpus is read."""
        return self.new or self.no_copy is not None or self.mark_copies is not None


wanted_options = together(
    own(
        "--count",
        group="many",
        common=True,
        type=WholeType(min=1),
        default=1,
        show_default=True,
        help="How many texts; of a model of items, how many items.",
    ),
    own(
        "--unique",
        group="many",
        is_flag=True,
        help="Draw an item again that repeats an earlier one.",
    ),
    own(
        "--new",
        group="many",
        is_flag=True,
        help="Draw an item again that stands in the training text. This needs --corpus, or "
        "a run that was trained with --remember-items.",
    ),
    own("--label", group="many", metavar="TEXT", help="The label of the items to write."),
    own(
        "--corpus",
        group="copies",
        multiple=True,
        metavar="FILE",
        help="A file or folder of the training text, for --new, --no-copy and "
        "--mark-copies; can be repeated.",
    ),
    own(
        "--no-copy",
        group="copies",
        type=WholeType(min=1, max=HISTORY - 1),
        metavar="N",
        help="Never write more than N characters in a row as they stand in --corpus.",
    ),
    own(
        "--mark-copies",
        group="copies",
        type=WholeType(min=1),
        metavar="N",
        help="Put [[ and ]] around N characters or more in a row that stand in --corpus.",
    ),
)


def require_possible(found: Checkpoint, wanted: Wanted) -> None:
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
    if wanted.corpus and not wanted.reads_corpus:
        raise click.UsageError(
            "--corpus is what --new, --no-copy and --mark-copies compare with: add one"
        )
    copies = {"--no-copy": wanted.no_copy, "--mark-copies": wanted.mark_copies}
    for name, value in copies.items():
        if value is not None and not wanted.corpus:
            raise click.UsageError(f"{name} needs the training text: add --corpus FILE")


def _require_label(label: str, known: list[str]) -> None:
    """Refuse a label that the model never saw: what it would write means nothing."""
    if label not in known:
        near = suggestion(label, known)
        shown = one_line(", ".join(known))[:SHOWN_LABELS]
        raise click.UsageError(f"there is no label {label!r}{near} There are: {shown}")


def acceptable(name: str, found: Checkpoint, wanted: Wanted) -> Accept | None:
    """Return what says whether an item is wanted; None if all are.

    Raises:
        click.UsageError: there is nothing to compare with.
    """
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


def copy_index(
    found: Checkpoint, wanted: Wanted, window: int, *, arranged: bool = False
) -> CopyIndex:
    """Return what stands in the corpus, by windows of so many characters.

    Args:
        found: the model whose corpus it is.
        wanted: what names the corpus.
        window: how many characters.
        arranged: whether to read it from its end, as a backward model writes.
    """
    from chargen.cli.known import corpus_blocks  # reads texts: only this needs it
    from chargen.sampling.copies import CopyIndex

    texts = corpus_blocks(found, wanted.corpus)
    if arranged:
        return CopyIndex.of((["".join(blocks)[::-1]] for blocks in texts), window)
    return CopyIndex.of(texts, window)


def shortfall(found: int, wanted: Wanted, of: int) -> Iterator[str]:
    """Say why there are fewer texts than were asked for."""
    if found < of:
        reasons = ["repeats"] * wanted.unique + ["in the training text"] * wanted.new
        yield (
            f"note: found {found:,} of {of:,}: {TRIES} in a row were "
            f"{' or '.join(reasons or ['no match'])}; a higher --temperature varies more"
        )


def wanted_of(values: dict[str, Any]) -> Wanted:
    """Take what belongs to `Wanted` out of a command's values."""
    return Wanted(**{field.name: values.pop(field.name) for field in fields(Wanted)})
