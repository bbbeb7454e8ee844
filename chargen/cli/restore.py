"""`chargen restore`: fill gaps in a text, without TensorFlow."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from chargen.cli.advice import advice
from chargen.cli.command import Command
from chargen.cli.options import as_options
from chargen.cli.output import until_closed, write_text
from chargen.cli.seeds import seed_texts, with_hint
from chargen.errors import UnknownCharacterError
from chargen.runs.find import open_checkpoint
from chargen.sampling.engine import Engine
from chargen.sampling.restore import restore


@click.command(
    "restore",
    cls=Command,
    short_help="Fill gaps in a text.",
    extra="Put the text in quotes.",
)
@click.argument("checkpoint")
@click.argument("text", required=False)
@click.option(
    "--backward-model",
    metavar="CHECKPOINT",
    help="A model of the same text that was trained with --backward: two restore more.",
)
@click.option(
    "--file", metavar="FILE", help="A file that holds the text; - for standard input."
)
@click.option(
    "--gap",
    default="_",
    show_default=True,
    metavar="CHAR",
    help="The character that stands for a missing one.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Write JSON: the text and, of each gap, its position (from 0), the character that "
    "was chosen and its probability.",
)
def restore_command(
    checkpoint: str,
    text: str | None,
    backward_model: str | None,
    file: str | None,
    gap: str,
    as_json: bool,
) -> None:
    """Fill the gaps in TEXT with the characters that CHECKPOINT finds likeliest.

    Each missing character is marked by one _. CHECKPOINT may be a model of either
    direction; with --backward-model it is a forward one, and both decide.

    \b
    chargen restore novel "It was a d_rk and st__my night"
    chargen restore novel --backward-model novel-backward --file damaged.txt > whole.txt
    """
    given = _text(text, file)
    model, backward = _models(checkpoint, backward_model)
    try:
        found = restore(model, given, backward=backward, gap=gap)
    except ValueError as error:
        raise click.UsageError(as_options(str(error))) from error
    except UnknownCharacterError as error:
        raise with_hint(error, [given]) from error
    if not found.gaps:
        click.echo(f"note: there is no gap: mark each missing character by {gap}", err=True)
    with until_closed():
        write_text([json.dumps(asdict(found), indent=2) if as_json else found.text])


def _text(text: str | None, file: str | None) -> str:
    """Return the text to restore; a seed text would be read in the same way."""
    if (text is None) == (file is None):
        raise click.UsageError("give either a text with gaps, or a --file that holds it")
    others = dict.fromkeys(("seeds_from", "containing", "ending"))
    (found,) = seed_texts(seed_text=text, seed_file=file, **others)
    return found


def _models(checkpoint: str, backward_model: str | None) -> tuple[Engine, Engine | None]:
    """Load a model, and the one that reads towards it if there is one."""
    with advice(checkpoint):
        model = Engine.from_checkpoint(open_checkpoint(checkpoint))
    if backward_model is None:
        return model, None
    with advice("--backward-model"):
        backward = Engine.from_checkpoint(open_checkpoint(backward_model))
    if model.policy.backward or not backward.policy.backward:
        raise click.UsageError(
            "CHECKPOINT has to be a forward model and --backward-model one of the same "
            "text that was trained with --backward"
        )
    return model, backward
