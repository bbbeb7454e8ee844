"""Loss against time of the whole command, for chargen and two controls in the same time.

Usage: python benchmarks/time_to_quality.py TEXT [--for 5m] [--png FILE] [--json FILE]
       [--control keras] [--control pytorch] [-- further options of chargen train]

Each trains in a process of its own for the same wall-clock time, imports and compilation
included, on the first nine tenths of the text (chargen's default):
- chargen: `chargen train TEXT --for …`, with its defaults or the further options;
- keras: the recipe of TensorFlow's text generation tutorial. Embedding 256, GRU 1024,
  Dense; Adam at 1e-3; 64 random windows of 100 characters a step, from a zero state; no
  dropout, stock layers, TensorFlow's own thread pools;
- pytorch: model and recipe of the chargen run, with PyTorch's layers and its AdamW for all
  weights (it has no SOAP), in float32, and without averaged weights.

Losses are nats per character of the whole validation part: carried, along 16 streams,
each warmed on 200 characters; and cold-256, in windows of 256 characters that cover the
part, each from a zero state, every character scored. chargen's NumPy engine scores all
systems after training and outside the time. A chargen run keeps only its newest checkpoints
and the best: its other rows have the losses of its log, and measuring those was part of its
time. The controls evaluate nothing: they save their weights at about six moments.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import importlib.metadata
import importlib.util
import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from chargen.model.cells import CELLS
from chargen.model.shape import ModelConfig
from chargen.runs.checkpoint import read
from chargen.runs.run import Run
from chargen.runs.tensors import Arrays
from chargen.sampling.engine import Engine
from chargen.sampling.evaluate import evaluate_part
from chargen.system.hardware import cores, cpu_model
from chargen.text.corpus import Corpus, split
from chargen.text.ingest import encode
from chargen.text.policy import Reading
from chargen.text.sources import find_inputs
from chargen.training.schedule import Length, learning_rate
from chargen.training.settings import Settings

COLD = 256  # characters in a window
SAVES = 6  # of a control's weights, in the time given: scoring one takes seconds
TUTORIAL = ModelConfig(cell="gru", units=1024, layers=1, embedding_size=256, dropout=0.0)
TUTORIAL_BATCH, TUTORIAL_WINDOW = 64, 100
COLUMNS = f"seconds | step | passes | carried | cold-{COLD}"

# One row of the table of those columns; cold is None where the weights are gone.
Row = tuple[float, int, float, float, float | None]
# What updates, given the step and the seconds spent; what returns the weights; the
# characters in a step.
Control = tuple[Callable[[int, float], None], Callable[[], Arrays], int]


@dataclasses.dataclass
class System:
    """What was measured; `wall` is how many seconds the process took."""

    name: str
    parameters: int
    characters_per_second: float
    wall: float
    rows: list[Row]


def read_run(text: str, folder: Path) -> tuple[Settings, Corpus]:
    """Return the settings of a run, and its text, split as the run split it."""
    settings = Settings.from_dict(Run(folder).description()["settings"])
    share, running = settings.validation, settings.documents in (None, "none")
    if not isinstance(share, float) or not share or not running:
        sys.exit("losses are compared on the end of the text: hold it out")
    encoded = encode(find_inputs([text]), Reading.of(settings))
    return settings, split(encoded, share)


def train_control(name: str, text: str, run: str, folder: str, started: str) -> None:
    """Train until the time is up, and save weights and times in `folder`."""
    settings, corpus = read_run(text, Path(run))
    prepare = prepare_keras if name == "keras" else prepare_pytorch
    update, weights, characters = prepare(corpus, settings)
    steps: list[float] = []  # how long each took; the first one compiles
    rows: list[tuple[float, int, float]] = []

    def spent() -> float:
        return time.time() - float(started)

    def save() -> None:
        rows.append((spent(), len(steps), len(steps) * characters / len(corpus.train)))
        arrays = {name: np.ascontiguousarray(a) for name, a in weights().items()}
        safetensors.numpy.save_file(arrays, f"{folder}/{len(steps)}.safetensors")

    seconds = settings.seconds or 0.0
    interval = due = seconds / SAVES
    while not steps or spent() + np.median(steps[1:][-101:] or [0.0]) < seconds:
        begun = spent()
        update(len(steps), begun)
        steps.append(spent() - begun)
        if due <= spent() < seconds - interval / 2:
            save()
            due = (spent() // interval + 1) * interval
    if not rows or rows[-1][1] < len(steps):
        save()
    speed = characters / np.median(steps[1:] or steps)
    found = {"characters_per_second": speed, "rows": rows}
    Path(folder, "rows.json").write_text(json.dumps(found))


def prepare_keras(corpus: Corpus, settings: Settings) -> Control:
    """Set up the tutorial's model and its compiled training step."""
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", KERAS_BACKEND="tensorflow")
    import keras

    keras.utils.set_random_seed(settings.seed)
    random = np.random.default_rng(settings.seed)
    size = len(corpus.vocabulary)
    embedding = keras.layers.Embedding(size, TUTORIAL.embedding_size)
    gru = keras.layers.GRU(TUTORIAL.units, return_sequences=True)
    model = keras.Sequential([embedding, gru, keras.layers.Dense(size)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss)

    train = corpus.train.read()

    def update(step: int, spent: float) -> None:
        last = len(train) - TUTORIAL_WINDOW
        starts = random.integers(last, size=(TUTORIAL_BATCH, 1))
        windows = train[starts + np.arange(TUTORIAL_WINDOW + 1)]
        model.train_on_batch(windows[:, :-1], windows[:, 1:])

    def weights() -> Arrays:
        return dict(zip(TUTORIAL.weight_shapes(size), model.get_weights(), strict=True))

    return update, weights, TUTORIAL_BATCH * TUTORIAL_WINDOW


def prepare_pytorch(corpus: Corpus, settings: Settings) -> Control:
    """Set up the chargen run's model and recipe with PyTorch's layers."""
    import torch
    from torch import nn

    torch.set_num_threads(cores())
    torch.manual_seed(settings.seed)
    config, size = settings.model, len(corpus.vocabulary)
    batches = settings.batches(corpus.train)
    embedding = nn.Embedding(size, config.embedding_size)
    kind = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[config.cell]
    rnn = kind(config.embedding_size, config.units, config.layers, batch_first=True)
    rnn.dropout = config.dropout if config.layers > 1 else 0.0  # after all but the last
    dropout, dense = nn.Dropout(config.dropout), nn.Linear(config.units, size)
    named = list(nn.ModuleList([embedding, rnn, dense]).named_parameters())
    for name, parameter in named:  # chargen's initial weights
        if "bias" in name:
            nn.init.zeros_(parameter)
            if config.cell == "lstm" and "bias_ih" in name:  # of the forget gate
                nn.init.ones_(parameter.data[config.units : 2 * config.units])
        else:
            matrix = nn.init.orthogonal_ if "weight_hh" in name else nn.init.xavier_uniform_
            matrix(parameter)
    nn.init.normal_(embedding.weight, std=0.3)
    decay, betas = settings.weight_decay, (0.9, 0.99)
    others = {"params": [p for n, p in named if "bias" not in n], "weight_decay": decay}
    biases = {"params": [p for n, p in named if "bias" in n], "weight_decay": 0.0}
    optimizer = torch.optim.AdamW([others, biases], betas=betas, eps=1e-7, fused=True)
    origin = 0.0
    state: Any = None

    def update(step: int, spent: float) -> None:
        nonlocal origin, state
        origin = spent if step <= 1 else origin  # the schedule starts after the first
        share = Length(settings.seconds, None).progress(step, spent, origin)
        rate = learning_rate(share, peak=settings.learning_rate, warmup=settings.warmup)
        for group in optimizer.param_groups:
            group["lr"] = rate
        *ids, fresh = batches.batch(step)
        inputs, targets = (torch.from_numpy(x).long() for x in ids)
        hidden, after = rnn(embedding(inputs), None if fresh else state)
        logits = dense(dropout(hidden)).flatten(0, 1)
        loss = nn.functional.cross_entropy(logits, targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        if settings.clip_norm:
            nn.utils.clip_grad_norm_([p for _, p in named], settings.clip_norm)
        optimizer.step()
        lstm = config.cell == "lstm"
        state = tuple(part.detach() for part in after) if lstm else after.detach()

    def weights() -> Arrays:
        arrays = {name: p.detach().numpy() for name, p in named}
        order = (
            [1, 0, 2]
            if config.cell == "gru"
            else list(range(len(CELLS[config.cell].gates)))
        )
        found = {"embedding": arrays["0.weight"]}
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        for i in range(config.layers):  # chargen's layout and gate order
            blocks = [np.split(arrays[f"1.{x}_l{i}"].T, len(order), -1) for x in names]
            kernel, recurrent, *both = (np.hstack([b[k] for k in order]) for b in blocks)
            found |= {f"rnn.{i}.kernel": kernel, f"rnn.{i}.recurrent_kernel": recurrent}
            found[f"rnn.{i}.bias"] = np.stack(both) if config.cell == "gru" else sum(both)
        found |= {"dense.kernel": arrays["2.weight"].T, "dense.bias": arrays["2.bias"]}
        return found

    return update, weights, batches.batch_size * batches.seq_length


def run_process(words: list[str]) -> float:
    """Run Python, with its output on stderr; return the seconds that it took."""
    started = time.perf_counter()
    if subprocess.run([sys.executable, *words], stdout=sys.stderr).returncode:
        sys.exit(f"this failed: {shlex.join(words)}")
    return time.perf_counter() - started


def score(engine: Engine, corpus: Corpus) -> tuple[float, float]:
    """Return the carried and the cold loss on the whole validation part."""
    part, context = corpus.validation, corpus.context
    carried = evaluate_part(engine, part, context)
    return carried.nats, evaluate_part(engine, part, context, cold_every=COLD).nats


def measure_chargen(run: Run, corpus: Corpus, wall: float) -> System:
    """Read a run's log, and score the checkpoints that it kept."""
    kept = {checkpoint.step: checkpoint for checkpoint in map(read, run.steps())}
    lines = [line for line in run.log if line["kind"] == "evaluation"]
    rows: list[Row] = []
    for line in lines:
        step, carried, cold = line["step"], line["validation"], None
        if step in kept:
            carried, cold = score(Engine.from_checkpoint(kept[step]), corpus)
            count = kept[step].training["validation_characters"]
            print(f"- step {step}: {line['validation']:.4f} by its log, on {count:,}")
        rows.append((line["seconds"], step, line["epoch"], carried, cold))
    parameters = run.read().model.parameters(len(corpus.vocabulary))
    return System("chargen", parameters, line["characters_per_second"], wall, rows)


def run_control(name: str, text: str, run: Run, corpus: Corpus) -> System:
    """Train a control as long as a run took, and score the weights that it saved."""
    config = TUTORIAL if name == "keras" else run.read().model
    folder = run.folder.with_name(name)
    folder.mkdir()
    words = [__file__, "train-control", name, text, str(run.folder), str(folder)]
    wall = run_process([*words, str(time.time())])
    found = json.loads((folder / "rows.json").read_text())
    rows: list[Row] = []
    for seconds, step, passes in found["rows"]:
        weights = safetensors.numpy.load_file(folder / f"{step}.safetensors")
        losses = score(Engine(config, corpus.vocabulary, weights), corpus)
        rows.append((seconds, step, passes, *losses))
    parameters = config.parameters(len(corpus.vocabulary))
    return System(name, parameters, found["characters_per_second"], wall, rows)


def cells(row: Row) -> str:
    """Write a row of a table."""
    cold = "" if row[4] is None else f"{row[4]:.4f}"
    return f"{row[0]:.1f} | {row[1]:,} | {row[2]:.2f} | {row[3]:.4f} | {cold}"


def print_table(title: str, columns: str, rows: list[str]) -> None:
    """Print a Markdown table."""
    lines = [columns, "|".join("---:" for _ in columns.split("|")), *rows]
    print(f"\n### {title}\n", *(f"| {x} |" for x in lines), sep="\n", flush=True)


def print_summary(systems: list[System]) -> None:
    """Print how each system did at the end, and at its best."""
    rows = []
    for x in systems:
        for at, row in (("end", x.rows[-1]), ("best", min(x.rows, key=lambda row: row[3]))):
            size = f"{x.parameters:,} | {x.characters_per_second:,.0f}"
            rows.append(f"{x.name}, {at} | {size} | {cells(row)}")
    columns = f"system | parameters | characters/s | {COLUMNS}"
    print_table("Summary (characters/s: of the median step)", columns, rows)


def plot(systems: list[System], title: str, path: str) -> None:
    """Draw the carried losses against time."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for x in systems:
        seconds, _, _, carried, _ = zip(*x.rows, strict=True)
        axes.plot(seconds, carried, ".-", label=f"{x.name}, {x.parameters:,} parameters")
    axes.set(title=title, xlabel="seconds since the command started", xlim=(0, None))
    axes.set_ylabel("validation loss, state carried, nats per character")
    axes.set_ylim(top=0.1 + max(x.rows[0][3] for x in systems))  # no early outlier
    axes.legend()
    figure.savefig(path, dpi=150)


def main() -> None:
    """Train all systems one after the other, score them, and print tables."""
    words = sys.argv[1:]
    if words[:1] == ["train-control"]:
        train_control(*words[1:])
        return
    cut = words.index("--") if "--" in words else len(words)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text")
    parser.add_argument("--for", dest="length", default="5m")
    for option in ("--png", "--json"):
        parser.add_argument(option, metavar="FILE")
    parser.add_argument("--control", action="append", choices=["keras", "pytorch"])
    asked = parser.parse_args(words[:cut])
    if asked.png and not importlib.util.find_spec("matplotlib"):
        parser.error("--png needs matplotlib: pip install 'chargen[bench]'")
    names = ["chargen", "numpy", "tensorflow", "keras"]
    names += ["torch"] if importlib.util.find_spec("torch") else []
    versions = [f"{name} {importlib.metadata.version(name)}" for name in names]
    facts: dict[str, Any] = {
        "machine": f"{cpu_model()}, {cores()} cores, Python {platform.python_version()}",
        "versions": ", ".join(versions),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["python", *sys.argv]),
    }
    print(*(f"- {name}: {value}" for name, value in facts.items()), sep="\n", flush=True)
    systems = []
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder, "run"))
        train = ["train", asked.text, *words[cut + 1 :], "--for", asked.length]
        wall = run_process(["-m", "chargen", *train, "--out", str(run.folder)])
        settings, corpus = read_run(asked.text, run.folder)
        facts["settings"] = settings.to_dict()
        sizes = f"{len(corpus.train):,} characters, {len(corpus.validation):,} held out"
        print(f"- run: {sizes};", *(f"{k} {v};" for k, v in facts["settings"].items()))
        for name in dict.fromkeys(["chargen", *(asked.control or [])]):
            if name == "chargen":
                systems.append(measure_chargen(run, corpus, wall))
            else:
                systems.append(run_control(name, asked.text, run, corpus))
            title = f"{name}: a process of {systems[-1].wall:.1f} s"
            print_table(title, COLUMNS, [cells(row) for row in systems[-1].rows])
    print_summary(systems)
    if asked.json:
        facts["systems"] = [dataclasses.asdict(system) for system in systems]
        Path(asked.json).write_text(json.dumps(facts, indent=2) + "\n")
    if asked.png:
        plot(systems, f"{corpus.name}, {asked.length}", asked.png)


if __name__ == "__main__":
    main()
