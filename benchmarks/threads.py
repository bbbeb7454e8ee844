"""Training speed of Keras's layers with TensorFlow's own thread pools and with chargen's.

chargen gives each kernel one thread and runs as many kernels as there are cores. Rounds
alternate between the two, each in a process of its own; medians and their ratio are
printed. Usage: python benchmarks/threads.py [--rounds 3]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys

SHAPES = [(128, 2, 32, 64), (128, 2, 50, 50), (256, 2, 32, 64)]
STEPS = 12


def measure(pools: str, units: int, layers: int, batch: int, length: int) -> None:
    """Print the characters per second of one set-up (in a fresh process)."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import numpy as np

    from chargen.system.clock import Clock
    from chargen.text.corpus import split
    from chargen.text.encoded import encode_text
    from chargen.training.events import Stepped
    from chargen.training.plan import STOCK
    from chargen.training.settings import Settings
    from chargen.training.tf.runtime import prepare_tensorflow
    from chargen.training.tf.trainer import Trainer

    if pools == "chargen":
        prepare_tensorflow(Settings())
    random = np.random.default_rng(0)
    characters = "".join(map(chr, random.integers(33, 98, size=100_000)))
    settings = Settings(
        units=units, layers=layers, batch_size=batch, seq_length=length, steps=STEPS
    )
    corpus = split(encode_text(characters), 0.0)
    speeds: list[float] = []

    def listen(event: object) -> None:
        if isinstance(event, Stepped):
            speeds.append(event.progress.characters_per_second)

    batches = settings.batches(corpus.train)
    trainer = Trainer(
        settings,
        corpus,
        batches,
        listeners=[listen],
        clock=Clock(),
        recall=sys.exit,  # never called: nothing is validated
        plan=STOCK,
    )
    trainer.run()
    print(speeds[-1])


def main() -> None:
    """Alternate the two set-ups and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        measure(arguments.measure[0], *map(int, arguments.measure[1:]))
        return
    print("LSTM units×layers, batch×length | TensorFlow's pools | chargen's | ratio")
    for shape in SHAPES:
        speeds: dict[str, list[float]] = {"tensorflow": [], "chargen": []}
        for _ in range(arguments.rounds):
            for pools, found in speeds.items():
                words = [sys.executable, __file__, "--measure", pools, *map(str, shape)]
                done = subprocess.run(words, capture_output=True, text=True, check=True)
                found.append(float(done.stdout))
        stock, ours = (statistics.median(found) for found in speeds.values())
        units, layers, batch, length = shape
        print(
            f"{units}×{layers}, {batch}×{length} | {stock:,.0f} | {ours:,.0f} characters/s"
            f" | {ours / stock:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
