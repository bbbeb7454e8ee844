"""What is said before and after a training."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from chargen.cli.advice import invoked_as, longer_command, train_command
from chargen.cli.options import as_options
from chargen.display import format_seconds
from chargen.sampling.copied import copied
from chargen.sampling.engine import Engine
from chargen.text.counts import ORDER, counted_nats
from chargen.text.parts import Plain
from chargen.training.job import Job
from chargen.training.resolve import Resolved
from chargen.training.verdict import describe_loss, verdict, worse_than_counting


def had(job: Job) -> str:
    """Say how much training a run that is resumed has had."""
    done = job.checkpoint
    if done is None:
        return "nothing"
    seconds = format_seconds(float(round(done.seconds)))
    return f"{done.step:,} steps, {done.epoch:.1f} epochs, {seconds}"


def plan_lines(resolved: Resolved) -> Iterator[str]:
    """Yield what a training would do, and the command for it."""
    yield size(resolved)
    yield from map(as_options, resolved.notes)
    yield f"{invoked_as()} {train_command(resolved, resolved.settings)}"


def size(resolved: Resolved) -> str:
    """Say how much there is to learn from, and how large the model is."""
    corpus, different = resolved.corpus, len(resolved.corpus.vocabulary)
    return (
        f"{len(corpus.train):,} characters to learn from, {len(corpus.validation):,} to "
        f"validate on, {different:,} different ones; "
        f"{resolved.settings.model.parameters(different):,} parameters"
    )


def summary(job: Job, program: str) -> Iterator[str]:
    """Yield the last lines of a training: how good the model is, and what to type next."""
    best, longer, resolved = job.run.read("best"), True, job.resolved
    if best.validation_loss is not None:
        scored = int(best.training["validation_characters"])
        yield f"best validation loss: {describe_loss(best.validation_loss)}"
        if scored < resolved.scorable:
            yield (
                f"(on {scored:,} of {resolved.scorable:,} characters, in evenly spaced "
                "spans; `chargen eval` scores them all)"
            )
        judged = verdict(job.run.log)
        corpus = resolved.corpus
        parts, context = (corpus.train, corpus.validation), Plain(corpus.context)
        counted = counted_nats(*parts, len(corpus.vocabulary), context=context)
        if counted is not None and counted < best.validation_loss:
            yield as_options(worse_than_counting(counted, judged, resolved.corpus))
        elif counted is not None:
            strings = f"counting strings of up to {ORDER} characters"
            yield f"({strings} needs {counted:.4f} nats for the validation part)"
        yield as_options(judged.text)
        longer = judged.longer
    elif best.train_loss is not None:
        yield f"training loss: {describe_loss(best.train_loss)}"
        yield "nothing was held out: the model may know the text by heart"
    yield str(copied(Engine.from_checkpoint(best), resolved.corpus.train))
    yield "to sample from it:"
    many = " --count 10" if resolved.corpus.vocabulary.end is not None else ""
    yield f"  {program} sample {shlex.quote(str(job.run.folder))}{many} --seed 1"
    if longer:
        yield "to train it for longer:"
        yield f"  {program} {longer_command(job)}"
    if "init_from" not in best.training or resolved.read.request.init_from is not None:
        yield (
            "to repeat this run:"
            if job.checkpoint is None
            else "to start a run like this one:"
        )
        yield f"  {program} {train_command(resolved, job.settings)}"
