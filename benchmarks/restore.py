"""How many deleted characters are restored, by a forward model, a backward one, and both.

    python benchmarks/restore.py TEXT FORWARD BACKWARD
    python benchmarks/restore.py TEXT FORWARD BACKWARD --half first --beam 16 --context 20

TEXT is what the models FORWARD and BACKWARD learned from; its last tenth, which they did
not see, is cut into pieces. One in ten characters of each is deleted at random, and
restored. The beam and the context were chosen on the first half of that tenth; the second
half is for what is reported. Then single characters are restored, all others being known:
by `chargen.restore`, and by the product of the two models' odds of just that character,
over its share of the training text.
"""

from __future__ import annotations

import argparse
import collections
import functools
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import chargen
from chargen.sampling import restore as module
from chargen.sampling.rules import log_softmax

PIECE = 1_000  # characters
SHARE = 0.1
AROUND = 100  # characters that are read before and after a single one
GAP = "\ufffc"

Restore = Callable[[str], chargen.Restored]


class Tally:
    """How many characters were restored, by whether others were missing beside them."""

    def __init__(self) -> None:
        self.right = collections.Counter[bool]()
        self.all = collections.Counter[bool]()
        self.sure = self.seconds = 0.0

    def add(self, piece: str, damaged: str, restore: Restore) -> None:
        """Restore a piece, and compare."""
        started = time.perf_counter()
        found = restore(damaged)
        self.seconds += time.perf_counter() - started
        for gap in found.gaps:
            place = gap.position
            beside = damaged[max(0, place - 1)] + damaged[min(place + 1, len(piece) - 1)]
            run = GAP in beside and len(piece) > 1
            self.all[run] += 1
            self.right[run] += piece[place] == gap.chosen
            self.sure += gap.probability

    def row(self, characters: int) -> str:
        """Return the cells of a table: shares, how sure it was, and the speed."""
        all_of_them = self.all.total()
        cells = [f"{self.right.total() / all_of_them:.1%}"]
        cells += [f"{self.right[run] / self.all[run]:.1%}" for run in (False, True)]
        cells += [f"{self.sure / all_of_them:.1%}"]
        cells += [f"{self.seconds / characters * 1000:.2f}"]
        return " | ".join(cells)


def damage(piece: str, random: np.random.Generator) -> str:
    """Delete characters of a piece at random."""
    count = round(SHARE * len(piece))
    characters = np.array(list(piece))
    characters[random.choice(len(piece), count, replace=False)] = GAP
    return "".join(characters)


def commonest(text: str) -> Restore:
    """Return what fills every gap with a text's commonest character."""
    counts = collections.Counter(text)
    ((character, count),) = counts.most_common(1)

    def restore(damaged: str) -> chargen.Restored:
        places = [place for place, c in enumerate(damaged) if c == GAP]
        share = count / len(text)
        gaps = tuple(chargen.Gap(place, character, share) for place in places)
        return chargen.Restored(damaged.replace(GAP, character), gaps)

    return restore


def odds_of_one(model: chargen.Engine, context: str) -> np.ndarray:
    """Return the log-probabilities (V,) of the character after a context."""
    last, state = np.array([model.start_id], np.int32), model.zero_state()
    for i in [*model.vocabulary.encode(model.policy.arrange(context))]:
        _, state = model.step(last, state)
        last = np.array([i], np.int32)
    return log_softmax(model.step(last, state)[0])[0]


def single(
    half: str, known: str, models: tuple[chargen.Engine, chargen.Engine], count: int
) -> None:
    """Restore single characters in two ways, and print how many are right."""
    forward, backward = models
    characters = forward.vocabulary.characters
    counts = collections.Counter(known)
    shares = np.log([counts[c] + 1 for c in characters])  # none is zero
    random = np.random.default_rng(1)
    by_product = 0
    by_restore = {name: 0 for name in ("forward", "backward", "both")}
    for place in random.integers(AROUND, len(half) - AROUND, count):
        before, after = half[place - AROUND : place], half[place + 1 : place + AROUND]
        odds = odds_of_one(forward, before)[: len(characters)] - shares
        odds += odds_of_one(backward, after)[: len(characters)]
        by_product += characters[odds.argmax()] == half[place]
        for name, (model, other) in ways(forward, backward).items():
            text = f"{before}{GAP}{after}"
            (gap,) = chargen.restore(model, text, backward=other, gap=GAP).gaps
            by_restore[name] += gap.chosen == half[place]
    print(f"\n{count:,} characters, one missing at a time:")
    print(f"  forward × backward / share  {by_product / count:.1%}")
    for name, right in by_restore.items():
        print(f"  restore, {name:<18} {right / count:.1%}")


def ways(
    forward: chargen.Engine, backward: chargen.Engine
) -> dict[str, tuple[chargen.Engine, chargen.Engine | None]]:
    """Return the models to restore with, by name."""
    return {
        "forward": (forward, None),
        "backward": (backward, None),
        "both": (forward, backward),
    }


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", type=Path)
    parser.add_argument("forward")
    parser.add_argument("backward")
    parser.add_argument("--half", choices=["first", "second"], default="second")
    parser.add_argument("--beam", type=int, default=module.BEAM)
    parser.add_argument("--context", type=int, default=module.CONTEXT)
    parser.add_argument("--pieces", type=int, default=55)
    parser.add_argument("--single", type=int, default=1_000)
    given = parser.parse_args()
    module.CONTEXT = given.context
    text = given.text.read_text(encoding="utf-8")
    cut, middle = len(text) * 9 // 10, len(text) * 19 // 20
    half = text[cut:middle] if given.half == "first" else text[middle:]
    forward, backward = chargen.load(given.forward), chargen.load(given.backward)
    restorers = {"commonest character": commonest(text[:cut])}
    for name, (model, other) in ways(forward, backward).items():
        restorers[name] = functools.partial(
            chargen.restore, model, backward=other, gap=GAP, beam=given.beam
        )
    tallies = {name: Tally() for name in restorers}
    random = np.random.default_rng(0)
    pieces = [half[i : i + PIECE] for i in range(0, len(half) - PIECE + 1, PIECE)]
    pieces = pieces[: given.pieces]
    for piece in pieces:
        damaged = damage(piece, random)
        for name, restorer in restorers.items():
            tallies[name].add(piece, damaged, restorer)
    deleted = tallies["both"].all
    print(
        f"{given.half} half, beam {given.beam}, context {given.context}: "
        f"{deleted.total():,} characters deleted, {deleted[True]:,} of them beside others"
    )
    print("| by | restored | isolated | in runs | said to be right | s / 1,000 |")
    print("|---|---|---|---|---|---|")
    for name, tally in tallies.items():
        print(f"| {name} | {tally.row(len(pieces) * PIECE)} |")
    if given.single:
        single(half, text[:cut], (forward, backward), given.single)


if __name__ == "__main__":
    main()
