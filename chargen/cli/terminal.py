"""How a training looks on a terminal, and in a log file where there is none."""

from __future__ import annotations

import math
import time
from types import TracebackType

from rich.console import Console
from rich.progress import Progress, TextColumn
from rich.text import Text

from chargen.cli.options import as_options
from chargen.display import format_seconds, printable
from chargen.sampling.engine import Engine
from chargen.sampling.options import Sampling
from chargen.sampling.texts import generate_texts
from chargen.text.policy import Reading
from chargen.training.events import CheckpointDue, Event, Note, RolledBack, Stepped
from chargen.training.job import Job

SAMPLE_LENGTH = 120
SAMPLE_ROWS = 5
SAMPLE_ITEMS = 5
SAMPLE_TEMPERATURE = 0.8
IMPROVEMENT = 0.01  # nats by which a model has to be better for its text to be shown
SETTLED = 5  # steps before an estimate of the time left is believed
PLAIN_INTERVAL = 10.0  # seconds between two progress lines where there is no terminal


class Terminal:
    """A listener that shows a training on stderr; a context, because of the progress bar.

    Whenever the model is better than before, it shows a short sample, always from the same
    seed, so that one can watch the model learn.
    """

    def __init__(self, job: Job, console: Console) -> None:
        self._job = job
        self._console = console
        self._shown = time.monotonic()
        self._bar: Progress | None = None
        self._gone = False
        self._first: int | None = None  # the first step that was seen
        self._told = math.inf  # the loss of the model whose text was shown last
        if console.is_terminal:
            column = TextColumn("{task.description}", markup=False)
            self._bar = Progress(column, console=console, transient=True)
            self._task = self._bar.add_task("  0% starting: the first step is compiled")

    def __enter__(self) -> Terminal:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar:
            self._bar.stop()

    def __call__(self, event: Event) -> None:
        """Listen to the trainer; fall silent once nobody reads any more."""
        if self._gone:
            return
        try:
            self._show(event)
        except (OSError, SystemExit):  # the pipe is closed; rich asks for an exit
            self._gone = True

    def _show(self, event: Event) -> None:
        if isinstance(event, Stepped):
            self._step(event)
        elif isinstance(event, CheckpointDue) and event.evaluated:
            self._evaluation(event)
        elif isinstance(event, RolledBack):
            self._say(
                f"the loss is not finite at step {event.failed:,}: back to step "
                f"{event.step:,} with the learning rate {event.learning_rate:g}"
            )
        elif isinstance(event, Note):
            self._say(f"note: {as_options(event.text)}")

    def _step(self, event: Stepped) -> None:
        line = self._line(event)
        if self._bar:
            self._bar.update(self._task, description=line)
        elif time.monotonic() - self._shown > PLAIN_INTERVAL:
            self._shown = time.monotonic()
            self._say(line)

    def _evaluation(self, event: CheckpointDue) -> None:
        mark = " (best)" if event.best and event.validation is not None else ""
        self._say(f"{self._line(event)}{mark}")
        if event.whole is not None:
            of = f"all {event.whole_characters:,} characters"
            self._say(f"     validation {event.whole:.4f} on {of}, not on a sample of them")
        if event.validation is None or event.validation < self._told - IMPROVEMENT:
            self._told = event.validation or math.inf
            for row in self._sampled(event)[:SAMPLE_ROWS]:
                self._say(f"     | {row}")
        self._shown = time.monotonic()

    def _sampled(self, event: CheckpointDue) -> list[str]:
        """Return lines that the model writes."""
        settings, corpus = self._job.settings, self._job.resolved.corpus
        engine = Engine(
            settings.model,
            corpus.vocabulary,
            event.weights,
            start=corpus.commonest_character,
            policy=Reading.of(settings).policy(),
        )
        sampling = Sampling(
            length=SAMPLE_LENGTH, temperature=SAMPLE_TEMPERATURE, seed=settings.seed
        )
        count = 1 if corpus.vocabulary.end is None else SAMPLE_ITEMS
        texts = generate_texts(engine, sampling, count=count)
        return [row for each in texts for row in each.text.strip("\n").split("\n")]

    def _line(self, event: Stepped | CheckpointDue) -> str:
        progress = event.progress
        parts = [f"{progress.share:>4.0%}", f"step {progress.step:,}"]
        parts.append(f"epoch {progress.epoch:{'.1f' if progress.epoch >= 0.1 else '.1g'}}")
        if progress.train is not None:
            parts.append(f"train {progress.train:.3f}")
        if isinstance(event, CheckpointDue) and event.validation is not None:
            parts.append(f"validation {event.validation:.3f}")
            if event.sample_characters < event.whole_characters:
                parts[-1] += " (sample)"
        if progress.characters_per_second:
            parts.append(f"{progress.characters_per_second:,.0f} char/s")
        if self._first is None:
            self._first = progress.step
        if progress.step - self._first >= SETTLED:  # the first ones are compiled
            parts.append(f"ETA {format_seconds(float(round(progress.remaining)))}")
        return " ".join(parts)  # fits into 80 columns

    def _say(self, text: str) -> None:
        self._console.print(Text(printable(text)), soft_wrap=True)
