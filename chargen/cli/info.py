"""`chargen info`: what a checkpoint says of itself, in words."""

from __future__ import annotations

import click

from chargen.checkpoint import Checkpoint
from chargen.cli.advice import advice
from chargen.errors import printable
from chargen.library import find_checkpoint, open_checkpoint
from chargen.report import describe_loss

CELL_NAMES = {"rnn": "SimpleRNN", "lstm": "LSTM", "gru": "GRU"}


@click.command()
@click.argument("checkpoint")
def info(checkpoint: str) -> None:
    """Describe CHECKPOINT: the model, what it learned from, how, and how well.

    \b
    chargen info harbour-plays
    chargen info checkpoints/novel/latest
    """
    with advice(lambda step: f"info {step}"):
        found = open_checkpoint(checkpoint)
    click.echo(printable(f"{'checkpoint':<12}{find_checkpoint(checkpoint)}"))
    for name, value in describe(found):
        line = f"{name:<12}{value}".replace("\n", "\\n").replace("\t", "\\t")
        click.echo(printable(line))  # a corpus's name cannot add a row of its own


def describe(found: Checkpoint) -> list[tuple[str, str]]:
    """Return (what, value) of everything that a checkpoint says of itself."""
    model, size = found.model, len(found.vocabulary)
    training = dict(found.training)
    rows = [
        (
            "model",
            f"{model.layers} × {CELL_NAMES[model.cell]} of {model.units} units, "
            f"embedding {model.embedding_size}, dropout {model.dropout:g}, "
            f"{model.parameters(size):,} parameters",
        )
    ]
    for source in found.corpus:
        rows.append(
            (
                "corpus",
                f"{source['name']}, {source['bytes']:,} bytes, {found.text['encoding']}",
            )
        )
        rows.append(("", f"SHA-256 {source['sha256']}"))
    rows.append(("vocabulary", f"{size:,} characters: {_shown(found)}"))
    rows.append(
        (
            "trained",
            f"{found.step:,} steps, {found.epoch:.1f} passes over the text, "
            f"{found.seconds:.0f} seconds, by chargen {found.chargen}",
        )
    )
    for name, loss in (
        ("train", found.train_loss),
        ("validation", found.validation_loss),
    ):
        value = "not measured"
        if loss is not None:
            value = describe_loss(loss)
        rows.append((name, value))
    settings = ", ".join(f"{name} {_value(value)}" for name, value in training.items())
    rows.append(("settings", settings))
    return rows


def _value(value: object) -> str:
    return ascii(value) if isinstance(value, str) and not value.strip() else str(value)


def _shown(found: Checkpoint) -> str:
    characters = found.vocabulary.characters
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in characters[:60])
    return shown + (" …" if len(characters) > 60 else "")
