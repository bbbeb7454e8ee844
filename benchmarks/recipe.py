"""Find out which size and recipe give the lowest loss within a budget of time.

    python benchmarks/recipe.py study TEXT --budget 60
    python benchmarks/recipe.py study TEXT --budget 300 --only units --seeds 2
    python benchmarks/recipe.py one TEXT [--set NAME=VALUE]... [--variant NAME=VALUE]...
        --steps 3000 --units 256

`study` trains a base configuration and others that differ from it in one thing each. A
configuration's speed is measured first, alone on the machine; then it is trained for the
number of updates that fit into the budget at that speed, less what starting and evaluating
take. So whatever else runs on the machine meanwhile changes the waiting but not the losses,
and every row of the table is a command that repeats it on any machine.

`one` is such a command. Besides the options of `chargen train`, it can set what is a
constant in chargen (`--set schedule.FINAL_RATE=0`), and switch on what was tried but is not
part of chargen (`--variant plain=1`: dropout masks that differ from one time step to the
next; `--variant dropconnect=0.3`: dropout of recurrent weights). `--set average.POWER=1e9`
takes the last weights instead of their average.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from chargen.system.hardware import cores, cpu_model
from chargen.training.recipe import EVALUATING, START

BASE = {
    60: "--units 256 --batch-size 32 --learning-rate 1e-2 --dropout 0.1",
    300: "--units 512 --batch-size 64 --learning-rate 8e-3 --dropout 0.15",
    600: "--units 512 --batch-size 64 --learning-rate 8e-3 --dropout 0.2",
}
CHANGES: dict[str, list[str]] = {
    "units": ["--units 128", "--units 192", "--units 384", "--units 512"],
    "cell": ["--cell gru", "--cell rnn"],
    "layers": ["--layers 1", "--layers 3"],
    "batch": ["--batch-size 16", "--batch-size 32", "--batch-size 64"],
    "window": ["--seq-length 16", "--seq-length 64"],
    "rate": [f"--learning-rate {rate}" for rate in (4e-3, 6e-3, 15e-3)],
    "warmup": ["--warmup 0.02", "--warmup 0.1"],
    "final": ["--set schedule.FINAL_RATE=0", "--set schedule.FINAL_RATE=0.1"],
    "dropout": [f"--dropout {share}" for share in (0, 0.05, 0.15, 0.25, 0.35)],
    "kind": ["--variant plain=1", "--variant dropconnect=0.3"],
    "decay": ["--weight-decay 0.01", "--weight-decay 0.4"],
    "optimizer": ["--optimizer adamw", "--optimizer adamw --learning-rate 5e-3"],
    "beta": ["--set soap.BETA_2=0.95", "--set soap.BETA_2=0.999"],
    "refresh": ["--set soap.REFRESH=5", "--set soap.REFRESH=50"],
    "clip": ["--clip-norm 0.25", "--clip-norm 0"],
    "embedding": ["--embedding-size 32", "--embedding-size 128"],
    "initial": ["--set model.EMBEDDING_DEVIATION=0.1"],
    "average": [f"--set average.POWER={power}" for power in (4, 16, 1e9)],
}
OURS = ("--set", "--variant")
MODULES = {
    "schedule": "training.schedule",
    "model": "training.tf.keras_model",
    "soap": "training.tf.soap",
    "average": "training.tf.average",
}
"""Short names of some of chargen's modules for `--set`, which takes whole names as well."""


def change_constants(settings: list[str]) -> None:
    """Set constants of chargen's modules, given as module.NAME=value."""
    for setting in settings:
        name, value = setting.split("=")
        module, constant = name.rsplit(".", 1)
        target = importlib.import_module(f"chargen.{MODULES.get(module, module)}")
        if not hasattr(target, constant):
            raise SystemExit(f"{target.__name__} has no {constant}")
        kind = type(getattr(target, constant))
        setattr(target, constant, kind(float(value)))


def switch_on(variants: list[str]) -> None:
    """Put what was tried into the training step."""
    for variant in variants:
        name, value = variant.split("=")
        {"plain": plain_dropout, "dropconnect": dropconnect}[name](float(value))


def plain_dropout(_: float) -> None:
    """Use a dropout mask for each time step."""
    from chargen.training.tf import forward

    one_step = forward._mask

    def mask(x: Any, rate: float, key: Any) -> Any:
        _, each = one_step(x[None], rate, key)
        return x * each, each

    forward._mask = mask


def dropconnect(rate: float) -> None:
    """Drop weights of the recurrent kernels, drawn once per update (Merity et al. 2018)."""
    import tensorflow as tf

    from chargen.training.tf import forward, update

    plain = forward.loss_and_gradients

    def loss_and_gradients(weights: Any, *arguments: Any, key: Any, **named: Any) -> Any:
        weights = [tf.convert_to_tensor(weight) for weight in weights]
        masks: list[Any] = [1.0] * len(weights)
        for i in range(2, len(weights) - 2, 3):
            seed = tf.stack([key[0] + (1 << 28) + i, key[1]])
            kept = tf.random.stateless_uniform(weights[i].shape, seed) >= rate
            masks[i] = tf.cast(kept, tf.float32) / (1 - rate)
        weights = [w * mask for w, mask in zip(weights, masks, strict=True)]
        loss, shards, states = plain(weights, *arguments, key=key, **named)
        masked = [[g * m for g, m in zip(s, masks, strict=True)] for s in shards]
        return loss, masked, states

    setattr(update, "loss_and_gradients", loss_and_gradients)  # noqa: B010


def train(text: str, options: list[str], folder: Path) -> list[dict[str, Any]]:
    """Run `one` in a process of its own; return the lines of its log."""
    arguments = [a for a in options if a in OURS or "=" in a]
    rest = [a for a in options if a not in arguments]
    command = [sys.executable, __file__, "one", text, *arguments, *rest]
    command += ["--out", str(folder), "--overwrite"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{shlex.join(command)} failed:\n{done.stderr}")
    lines = (folder / "log.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def study(arguments: argparse.Namespace) -> None:
    """Train the base and its changes, and print a table."""
    base = arguments.base or BASE[min(BASE, key=lambda b: abs(b - arguments.budget))]
    kinds = arguments.only or CHANGES
    changes = ["", *(change for kind in kinds for change in CHANGES[kind])]
    print(f"{cpu_model()}, {cores()} cores, {datetime.date.today()}; base: {base}\n")
    print("| change | characters/s | updates | seed | validation | training |")
    print("|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        for change in changes:
            options = [*shlex.split(base), *shlex.split(change)]
            log = train(arguments.text, [*options, "--for", "25s"], Path(scratch, "speed"))
            speed = log[-1]["characters_per_second"]
            batch = int(dict_of(options).get("--batch-size", 16))
            window = int(dict_of(options).get("--seq-length", 32))
            seconds = (1 - EVALUATING) * arguments.budget - START
            steps = max(1, int(seconds * speed / (batch * window)))
            for seed in range(arguments.seeds):
                length = ["--steps", str(steps), "--seed", str(seed)]
                length += ["--eval-every", str(max(1, steps // 4))]
                log = train(arguments.text, [*options, *length], Path(scratch, "run"))
                last = [line for line in log if line["kind"] == "evaluation"][-1]
                print(
                    f"| {change or 'base'} | {speed:,.0f} | {steps:,} | {seed} "
                    f"| {last['validation']:.4f} | {last['train']:.4f} |",
                    flush=True,
                )


def dict_of(options: list[str]) -> dict[str, str]:
    """Return the last value of each option."""
    return dict(zip(options[::2], options[1::2], strict=True))


def one(arguments: argparse.Namespace) -> None:
    """Train once, with what was tried switched on."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    change_constants(arguments.set)
    switch_on(arguments.variant)
    from chargen.cli import main

    sys.argv = ["chargen", "train", arguments.text, *arguments.options, "--quiet"]
    main()


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Compare sizes and recipes.")
    commands = parser.add_subparsers(dest="command", required=True)
    table = commands.add_parser("study")
    table.add_argument("text")
    table.add_argument("--budget", type=float, default=60)
    table.add_argument("--base", help="options of the base; default: by the budget")
    table.add_argument("--only", action="append", choices=CHANGES, metavar="KIND")
    table.add_argument("--seeds", type=int, default=1)
    single = commands.add_parser("one")
    single.add_argument("text")
    single.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    single.add_argument("--variant", action="append", default=[], metavar="NAME=VALUE")
    known, rest = parser.parse_known_args()
    if known.command == "study" and rest:
        parser.error(f"unknown: {shlex.join(rest)}")
    known.options = [word for word in rest if word != "--"]
    return known


if __name__ == "__main__":
    asked = parse()
    study(asked) if asked.command == "study" else one(asked)
