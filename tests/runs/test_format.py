"""A stranger's reader, written from docs/checkpoints.md alone, and what the page promises.

Everything above the line of hashes uses json, struct, hashlib and NumPy, and nothing of
chargen: if it reads and samples what chargen writes, the page is complete and true.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "checkpoints.md"

MASK_32, MASK_64, MASK_128 = 2**32 - 1, 2**64 - 1, 2**128 - 1


def stranger_pcg64(seed: int) -> Iterator[int]:
    words = [seed & MASK_32]
    while seed := seed >> 32:
        words.append(seed & MASK_32)
    running = 0x43B0D7E5

    def stir(word: int) -> int:
        nonlocal running
        word ^= running
        running = running * 0x931E8875 & MASK_32
        word = word * running & MASK_32
        return word ^ (word >> 16)

    def mix(x: int, y: int) -> int:
        m = (x * 0xCA01F9DD - y * 0x4973F715) & MASK_32
        return m ^ (m >> 16)

    pool = [stir(words[i] if i < len(words) else 0) for i in range(4)]
    for s in range(4):
        for d in range(4):
            if s != d:
                pool[d] = mix(pool[d], stir(pool[s]))
    for word in words[4:]:
        for d in range(4):
            pool[d] = mix(pool[d], stir(word))
    constant, out = 0x8B51F9DD, []
    for k in range(8):
        word = pool[k % 4] ^ constant
        constant = constant * 0x58F38DED & MASK_32
        word = word * constant & MASK_32
        out.append(word ^ (word >> 16))
    s = [out[2 * j] | out[2 * j + 1] << 32 for j in range(4)]

    increment = (2 * (s[2] << 64 | s[3]) + 1) & MASK_128
    state = (increment + (s[0] << 64 | s[1])) & MASK_128

    def advance() -> None:
        nonlocal state
        state = (state * 0x2360ED051FC65DA44385DF649FCCF645 + increment) & MASK_128

    advance()
    while True:
        advance()
        both, turn = (state >> 64) ^ (state & MASK_64), state >> 122
        yield (both >> turn | both << (64 - turn)) & MASK_64


def stranger_tensors(folder: Path, name: str, entry: dict) -> dict[str, np.ndarray]:
    data = (folder / name).read_bytes()
    assert len(data) == entry["bytes"]
    assert hashlib.sha256(data).hexdigest() == entry["sha256"]
    (length,) = struct.unpack("<Q", data[:8])
    assert length <= 1_048_576
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    found = {}
    for tensor, about in header.items():
        assert tensor != "__metadata__"
        assert about["dtype"] == "F32"
        begin, end = about["data_offsets"]
        found[tensor] = np.frombuffer(body[begin:end], "<f4").reshape(about["shape"])
    return found


def sigma(t: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-t))


class Stranger:
    """Reads a run's best checkpoint and writes text, in float64."""

    def __init__(self, run: Path, pointer: str = "best") -> None:
        name = (run / pointer).read_bytes().decode("ascii").strip()
        assert re.fullmatch(r"step-[0-9]{8,18}(-[0-9]{1,6})?", name)
        about = json.loads((run / name / "checkpoint.json").read_bytes().decode("utf-8"))
        assert about["format"] == 1
        assert about["marks"] == {}
        self.about = about
        self.cell = about["model"]["cell"]
        self.layers = about["model"]["layers"]
        self.units = about["model"]["units"]
        self.characters = about["vocabulary"]
        weights = stranger_tensors(
            run / name, "weights.safetensors", about["files"]["weights.safetensors"]
        )
        self.check_shapes(weights)
        self.weights = {k: v.astype(np.float64) for k, v in weights.items()}

    def check_shapes(self, weights: dict[str, np.ndarray]) -> None:
        size, units = len(self.characters), self.units
        inputs = self.about["model"]["embedding_size"]
        columns = {"rnn": 1, "lstm": 4, "gru": 3}[self.cell] * units
        shapes = {"embedding": (size, inputs)}
        for i in range(self.layers):
            shapes[f"rnn.{i}.kernel"] = (units if i else inputs, columns)
            shapes[f"rnn.{i}.recurrent_kernel"] = (units, columns)
            shapes[f"rnn.{i}.bias"] = (2, columns) if self.cell == "gru" else (columns,)
        shapes["dense.kernel"], shapes["dense.bias"] = (units, size), (size,)
        assert {name: array.shape for name, array in weights.items()} == shapes

    def begin(self) -> None:
        self.h = [np.zeros(self.units) for _ in range(self.layers)]
        self.c = [np.zeros(self.units) for _ in range(self.layers)]

    def read(self, v: int) -> np.ndarray:
        w = self.weights
        x = w["embedding"][v]
        for i in range(self.layers):
            kernel, recurrent = w[f"rnn.{i}.kernel"], w[f"rnn.{i}.recurrent_kernel"]
            bias, h = w[f"rnn.{i}.bias"], self.h[i]
            if self.cell == "rnn":
                h = np.tanh(x @ kernel + h @ recurrent + bias)
            elif self.cell == "lstm":
                i_, f, g, o = np.split(x @ kernel + h @ recurrent + bias, 4)
                self.c[i] = sigma(f) * self.c[i] + sigma(i_) * np.tanh(g)
                h = sigma(o) * np.tanh(self.c[i])
            else:
                z, r, n = np.split(x @ kernel + bias[0], 3)
                z1, r1, n1 = np.split(h @ recurrent + bias[1], 3)
                u = sigma(z + z1)
                h = u * h + (1 - u) * np.tanh(n + sigma(r + r1) * n1)
            x = self.h[i] = h
        return x @ w["dense.kernel"] + w["dense.bias"]

    def start(self) -> str:
        if "\n" in self.characters:
            return "\n"
        commonest = self.about["training"].get("commonest_character")
        return commonest if commonest in self.characters else self.characters[0]

    def write(self, seed_text: str, length: int, temperature: float, seed: int) -> str:
        raw = stranger_pcg64(seed)
        self.begin()
        text = ""
        for character in seed_text.replace("\r\n", "\n") or self.start():
            logits = self.read(self.characters.index(character))
        for _ in range(length):
            if temperature == 0:
                v = int(np.argmax(logits))
            else:
                u = (next(raw) >> 11) * 2.0**-53
                c, total = [], 0.0
                for a in (logits - logits.max()) / temperature:
                    total += np.exp(a)
                    c.append(total)
                v = next(v for v in range(len(c)) if c[v] > u * total)
            text += self.characters[v]
            logits = self.read(v)
        return text


# ######################################################################################
# Here the stranger meets chargen.

from helpers import CHARACTERS, tiny_checkpoint, write_run  # noqa: E402

import chargen  # noqa: E402
from chargen.runs import checkpoint as chargen_checkpoint  # noqa: E402
from chargen.text.sources import recorded_sources  # noqa: E402

LENGTH = 50


def text_of_chargen(run: Path, seed_text: str, temperature: float, seed: int) -> str:
    model = chargen.load(str(run))
    return "".join(
        chargen.generate(
            model, seed_text, length=LENGTH, temperature=temperature, seed=seed
        )
    )


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_a_stranger_writes_the_same_text(tmp_path: Path, cell: str, layers: int) -> None:
    run = tmp_path / "run"
    write_run(run, 7, cell=cell, layers=layers, units=8, embedding_size=4)
    stranger = Stranger(run)
    for seed_text, temperature, seed in (
        ("", 0, 0),
        ("a“é\r\n😀", 0, 0),
        ("", 0.8, 1),
        ("bad cab", 0.8, 2**40 + 3),
    ):
        expected = text_of_chargen(run, seed_text, temperature, seed)
        assert len(expected) == LENGTH
        assert stranger.write(seed_text, LENGTH, temperature, seed) == expected


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_the_texts_compared_are_no_trivial_ones(tmp_path: Path, cell: str) -> None:
    run = tmp_path / "run"
    write_run(run, 7, cell=cell, layers=2, units=8, embedding_size=4)
    text = text_of_chargen(run, "", 0.8, 1)
    assert len(set(text)) > 3
    assert text != text_of_chargen(run, "", 0.8, 2)
    stranger = Stranger(run)
    for name in stranger.weights:  # every weight matters to the logits
        logits = read_all(stranger, "abc\n")
        stranger.weights[name] = stranger.weights[name] + 0.1
        assert not np.allclose(read_all(stranger, "abc\n"), logits), name


def read_all(stranger: Stranger, text: str) -> np.ndarray:
    stranger.begin()
    return [stranger.read(stranger.characters.index(c)) for c in text][-1]


@pytest.mark.parametrize(
    ("characters", "training", "start"),
    [
        ("ab\n", {"commonest_character": "b"}, "\n"),
        ("abc", {"commonest_character": "b"}, "b"),
        ("cab", {}, "c"),
        ("abc", {"commonest_character": "x"}, "a"),
        ("abc", {"commonest_character": ""}, "a"),
        ("abc", {"commonest_character": "bc"}, "a"),
        ("abc", {"commonest_character": 2}, "a"),
        ("abc", {"commonest_character": True}, "a"),
    ],
)
def test_where_an_empty_seed_text_starts(
    tmp_path: Path, characters: str, training: dict, start: str
) -> None:
    run = tmp_path / "run"
    write_run(run, 1, characters=characters, training=training, units=8)
    stranger = Stranger(run)
    assert stranger.start() == start
    expected = text_of_chargen(run, "", 0.8, 1)
    assert stranger.write("", LENGTH, 0.8, 1) == expected
    assert text_of_chargen(run, start, 0.8, 1) == expected


def test_a_vocabulary_keeps_its_order(tmp_path: Path) -> None:
    run = tmp_path / "run"
    backwards = "".join(sorted(CHARACTERS, reverse=True))
    write_run(run, 1, characters=backwards)
    assert chargen.load(str(run)).vocabulary.characters == tuple(backwards)
    assert Stranger(run).write("", LENGTH, 1, 5) == text_of_chargen(run, "", 1, 5)


def test_pointers(tmp_path: Path) -> None:
    run = tmp_path / "run"
    write_run(run, 1, 2)
    assert Stranger(run, "best").about["step"] == 1
    assert Stranger(run, "latest").about["step"] == 2
    assert (run / "latest").read_bytes() == b"step-00000002\n"
    assert (run / "latest").stat().st_size <= 100


@pytest.mark.parametrize("seed", [0, 1, 2**32, 2**63 - 1, 3**100])
def test_the_generator_of_the_page_is_numpys(seed: int) -> None:
    raw = stranger_pcg64(seed)
    expected = np.random.PCG64(seed).random_raw(20)
    assert [next(raw) for _ in range(20)] == [int(r) for r in expected]


def written_weights(folder: Path, change: Callable[..., Any], order: int = 1) -> bytes:
    checkpoint = tiny_checkpoint("gru", layers=2)
    names = list(checkpoint.weights)[::order]
    weights = {name: change(checkpoint.weights[name]) for name in names}
    checkpoint = chargen_checkpoint.Checkpoint(**{**vars(checkpoint), "weights": weights})
    chargen_checkpoint.write(folder, checkpoint)
    return (folder / "weights.safetensors").read_bytes()


def test_equal_weights_give_equal_bytes(tmp_path: Path) -> None:
    first = written_weights(tmp_path / "0", np.copy)
    assert written_weights(tmp_path / "1", np.copy) == first
    assert written_weights(tmp_path / "2", np.copy, order=-1) == first
    assert b"__metadata__" not in first
    assert written_weights(tmp_path / "3", np.negative) != first


def test_equal_weights_give_equal_bytes_whatever_their_layout(tmp_path: Path) -> None:
    first = written_weights(tmp_path / "0", np.copy)
    assert written_weights(tmp_path / "1", np.asfortranarray) == first


def paths_of(value: object, path: str = "") -> set[str]:
    """Every key of a checkpoint.json, written as the table writes it."""
    found = set()
    if isinstance(value, dict) and path not in ("training", "marks"):
        for key, item in value.items():
            here = f"{path}.{key}" if path else key
            if path == "files":
                here = "files[]"
            else:
                found.add(here)
            found |= paths_of(item, here)
    elif isinstance(value, list):
        for item in value:
            found |= paths_of(item, path + "[]")
    return found


def documented_keys() -> set[str]:
    text = PAGE.read_text(encoding="utf-8")
    part = text.split("\n## checkpoint.json\n")[1].split("\n### text\n")[0]
    return set(re.findall(r"^\| `([^`]+)` \|", part, re.MULTILINE))


def test_the_keys_are_those_of_the_page(tmp_path: Path) -> None:
    write_run(tmp_path, 3)
    manifest = json.loads((tmp_path / "step-00000003" / "checkpoint.json").read_bytes())
    assert paths_of(manifest) == documented_keys()
    assert len(documented_keys()) > 25


def example() -> str:
    found = re.search(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return found[1]


def test_the_example_is_what_chargen_writes(tmp_path: Path) -> None:
    about = json.loads(example())
    model = about["model"]
    checkpoint = tiny_checkpoint(
        model["cell"],
        units=model["units"],
        layers=model["layers"],
        embedding_size=model["embedding_size"],
        characters="".join(about["vocabulary"]),
        scale=0.0,
        corpus=recorded_sources(about["corpus"], about["training"]),
        training=about["training"],
        step=about["step"],
        epoch=about["epoch"],
        seconds=about["seconds"],
        train_loss=about["losses"]["train"],
        resume={},
    )
    assert not any(np.signbit(w).any() or w.any() for w in checkpoint.weights.values())
    folder = tmp_path / "step-00000012"
    chargen_checkpoint.write(folder, checkpoint)
    assert (folder / "checkpoint.json").read_bytes().decode("utf-8") == example()

    sampled = re.search(r"seed text, writes `(\w+)`", PAGE.read_text(encoding="utf-8"))
    assert sampled
    model = chargen.load(str(folder))
    length = len(sampled[1])
    text = "".join(chargen.generate(model, length=length, temperature=1, seed=1))
    assert text == sampled[1]
    assert length >= 20


def test_the_limits_of_the_page_are_those_of_the_code() -> None:
    from chargen.model import shape
    from chargen.runs import log, run, tensors
    from chargen.system import files
    from chargen.text import vocabulary

    text = PAGE.read_text(encoding="utf-8")
    for number in (
        files.MAX_JSON,
        files.MAX_STRUCTURE,
        chargen_checkpoint.MAX_STATES,
        tensors.MAX_HEADER,
        chargen_checkpoint.MAX_SOURCES,
        chargen_checkpoint.MAX_SETTINGS,
        shape.MAX_PARAMETERS,
        shape.MAX_UNITS,
        shape.MAX_LAYERS,
        shape.MAX_EMBEDDING_SIZE,
        vocabulary.MAX_CHARACTERS,
        run.MAX_POINTER,
        log.MAX_LINES,
        log.MAX_LOG,
        log.MAX_LINE,
    ):
        assert re.search(rf"(?<![\d,]){number:,}(?![\d,])", text), number
    assert run.STEP_NAME.fullmatch("step-00002000-2")

    assert chargen_checkpoint.FORMAT == 1
