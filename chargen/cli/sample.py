"""`chargen sample`: generate text from checkpoints, without TensorFlow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from chargen.cli.advice import advice
from chargen.cli.command import Command
from chargen.cli.mix import Mix, mix_of, mix_options, open_models
from chargen.cli.options import WholeType, as_options, own, settings
from chargen.cli.output import until_closed
from chargen.cli.samples import Show, show_options
from chargen.cli.seeds import seed_options, seed_texts, with_hint
from chargen.cli.task import Models, Task
from chargen.cli.wanted import (
    require_possible,
    wanted_of,
    wanted_options,
)
from chargen.display import printable
from chargen.errors import UnknownCharacterError
from chargen.runs.find import (
    find_checkpoint,
    hides_bundled,
    newer_run,
    open_checkpoint,
)
from chargen.sampling.engine import Engine
from chargen.sampling.method import random_seed
from chargen.sampling.model import Model
from chargen.sampling.options import GROUPS, Sampling

if TYPE_CHECKING:
    pass


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


class Temperatures(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4
    """A number or several, with commas between them."""

    name = "number,…"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """Return the numbers."""
        if isinstance(value, tuple):
            return value
        try:
            found = tuple(float(part) for part in str(value).split(","))
            for number in found:
                Sampling(temperature=number)
        except ValueError:
            self.fail(f"{value!r} is not a number, at least 0, or several", param, ctx)
        return found


SEED_NAMES = ("seed_text", "seed_file", "seeds_from", "containing", "ending")
SHOW_NAMES = ("rank", "out", "as_json", "raw")
MIX_NAMES = ("mix", "mix_to", "mix_how")


@click.command(
    cls=Command,
    short_help="Write text as a trained model does.",
    extra="Give the text to continue with --seed-text.",
    groups=GROUPS,
)
@click.argument("checkpoint", required=False)
@settings(Sampling, seed={"type": Seed(min=0)}, temperature={"type": Temperatures()})
@seed_options
@wanted_options
@mix_options(group="models", drift=True)
@own(
    "--backward-model",
    group="models",
    metavar="CHECKPOINT",
    help="With --containing: a model of the same text that was trained with --backward.",
)
@show_options
def sample(checkpoint: str | None, backward_model: str | None, **values: Any) -> None:
    """Write text as CHECKPOINT does.

    CHECKPOINT is the folder of a run or of one of its steps, or the name of a run under
    checkpoints/, under $CHARGEN_HOME, or among those that ship with chargen. A run
    stands for its best step; RUN/latest is the last one.

    A model that learned from items (a list of names, say) writes whole items, laid out as
    in its corpus. --unique and --new give up after 100 tries for one item.

    \b
    chargen sample harbour-plays --seed-text "PELL:" --temperature 0.5
    chargen sample sishi-jueju --length 100 --seed 1 > poems.txt
    chargen sample minerals --count 20 --unique --new --corpus minerals
    chargen sample minerals --pattern "[a-z]{2,5}ite" --count 5
    """
    wanted = wanted_of(values)
    seeds = {name: values.pop(name) for name in SEED_NAMES}
    shown = {name: values.pop(name) for name in SHOW_NAMES}
    texts = seed_texts(**seeds)
    mix, mix_to, mix_how = (values.pop(name) for name in MIX_NAMES)
    mixed = mix_of(mix, mix_to, mix_how, checkpoint)
    models = _open(checkpoint, mixed, values["length"], backward_model)
    require_possible(models.first, wanted)
    _require_direction(models, seeds)
    samplings, drawn = _samplings(values)
    task = Task(models, texts, samplings, wanted)
    show = Show(**shown, apart=_apart(models.model), copies=task.copies)
    try:
        task.start(streamed=show.streams)
    except ValueError as error:  # what the model cannot write, say
        raise click.UsageError(as_options(str(error))) from error
    except UnknownCharacterError as error:
        raise with_hint(error, [*texts, *samplings[0].stop]) from error
    if checkpoint is not None:
        _say_what_is_used(checkpoint)
    task.say(drawn=drawn)
    with until_closed():
        task.write(show)
        for note in task.notes():
            click.echo(note, err=True)


def _open(
    checkpoint: str | None, mixed: Mix | None, length: int | None, backward: str | None
) -> Models:
    """Read what the options name."""
    checkpoints, model = open_models(checkpoint, mixed, length)
    about = {} if mixed is None else mixed.to_dict()
    if backward is None:
        return Models(checkpoints, model, None, about)
    with advice("--backward-model"):
        found = open_checkpoint(backward)
    return Models(
        {**checkpoints, backward: found}, model, Engine.from_checkpoint(found), about
    )


def _require_direction(models: Models, seeds: dict[str, str | None]) -> None:
    """Refuse seed texts that a model cannot go on from, as it writes the other way."""
    backwards, backward = models.model.policy.backward, models.backward
    forward = [name for name in ("seed_text", "seed_file") if seeds[name] is not None]
    if seeds["containing"] is not None and (backwards or backward is None):
        raise click.UsageError(
            "--containing needs a model that writes forwards and, with --backward-model, "
            "one of the same text that was trained with --backward"
        )
    if seeds["containing"] is None and backward is not None:
        raise click.UsageError("--backward-model is for --containing: add a word")
    if backward is not None and not backward.policy.backward:
        raise click.UsageError(
            "--backward-model writes forwards: train one with --backward on the same text"
        )
    if backwards and forward:
        raise click.UsageError(
            "this model writes from the end: give what the text ends with, by --ending"
        )
    if seeds["ending"] is not None and not backwards:
        raise click.UsageError(
            "--ending is for a model that writes from the end: train one with --backward"
        )


def _samplings(values: dict[str, Any]) -> tuple[tuple[Sampling, ...], bool]:
    """Return how to sample, once for each temperature, and whether the seed was drawn."""
    drawn = values["seed"] is None
    values = {**values, "seed": random_seed() if drawn else values["seed"]}
    temperatures = values.pop("temperature")
    try:
        return tuple(Sampling(temperature=t, **values) for t in temperatures), drawn
    except ValueError as error:  # two options that exclude each other, say
        raise click.UsageError(as_options(str(error))) from error


def _apart(model: Model) -> bool:
    """Whether a blank line stands between two texts of a model."""
    return model.vocabulary.end is None or model.policy.separator == "\n\n"


def _say_what_is_used(checkpoint: str) -> None:
    """Name a newer run of the same text, and a run that hides a bundled one."""
    newer = newer_run(find_checkpoint(checkpoint))
    if newer is not None:
        note = f"note: {newer} is a newer run of the same text"
        click.echo(printable(note), err=True)
    if hides_bundled(checkpoint):
        click.echo(f"from {find_checkpoint(checkpoint)}, not the bundled one", err=True)
