"""A stranger's reader, written from docs/checkpoints.md alone, and what the page promises.

Everything above the line of hashes uses json, struct, hashlib and NumPy, and nothing of
chargen: if it reads and samples what chargen writes, the page is complete and true.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "checkpoints.md"
PAGE_TEXT = PAGE.read_text(encoding="utf-8")

MASK_32, MASK_64, MASK_128 = 2**32 - 1, 2**64 - 1, 2**128 - 1


def stranger_pcg64(seed: int, text: int = 0) -> Iterator[int]:
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
    factor, summand = 0x2360ED051FC65DA44385DF649FCCF645, increment
    times = text * 0x9E3779B97F4A7C15F39CC0605CEDC835
    while times:
        if times & 1:
            state = (state * factor + summand) & MASK_128
        summand = (factor + 1) * summand & MASK_128
        factor = factor * factor & MASK_128
        times >>= 1
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


def stranger_items(run: Path) -> list[int]:
    data = (run / "items.u64").read_bytes()
    assert len(data) % 8 == 0
    numbers = [n for (n,) in struct.iter_unpack("<Q", data)]
    assert numbers == sorted(set(numbers))
    return numbers


def stranger_number(item: str) -> int:
    digest = hashlib.blake2b(item.encode("utf-8"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


class Stranger:
    """Reads a run's best checkpoint and writes text, in float64."""

    def __init__(self, run: Path, pointer: str = "best") -> None:
        name = (run / pointer).read_bytes().decode("ascii").strip()
        assert re.fullmatch(r"step-[0-9]{8,18}(-[0-9]{1,6})?", name)
        about = json.loads((run / name / "checkpoint.json").read_bytes().decode("utf-8"))
        assert about["format"] in (1, 2)
        self.about = about
        self.policy = about["text"]
        self.end = about["marks"].get("end")
        self.unknown = about["marks"].get("unknown")
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
        size, units = len(self.characters) + len(self.about["marks"]), self.units
        inputs = self.about["model"]["embedding_size"]
        columns = {"rnn": 1, "lstm": 4, "gru": 3}[self.cell] * units
        shapes = {"embedding": (size, inputs)}
        for i in range(self.layers):
            shapes[f"rnn.{i}.kernel"] = (units if i else inputs, columns)
            shapes[f"rnn.{i}.recurrent_kernel"] = (units, columns)
            shapes[f"rnn.{i}.bias"] = (2, columns) if self.cell == "gru" else (columns,)
        tied = self.about["model"].get("tied", False)
        shapes["dense.kernel"] = (units, inputs if tied else size)
        shapes["dense.bias"] = (size,)
        assert {name: array.shape for name, array in weights.items()} == shapes

    def begin(self) -> None:
        self.h = [np.zeros(self.units) for _ in range(self.layers)]
        self.c = [np.zeros(self.units) for _ in range(self.layers)]

    def read(self, v: int) -> np.ndarray:
        w = self.weights
        if v == self.end:
            self.begin()
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
        x = x @ w["dense.kernel"]
        if self.about["model"].get("tied"):
            x = x @ w["embedding"].T
        return x + w["dense.bias"]

    def start(self) -> str:
        if "\n" in self.characters:
            return "\n"
        commonest = self.about["training"].get("commonest_character")
        return commonest if commonest in self.characters else self.characters[0]

    def prepared(self, text: str) -> str:
        if self.policy["newlines"] != "keep":
            text = text.replace("\r\n", "\n")
        if self.policy["newlines"] == "any":
            text = text.replace("\r", "\n")
        if self.policy["normalize"] != "none":
            text = unicodedata.normalize(self.policy["normalize"].upper(), text)
        return text.lower() if self.policy["lowercase"] else text

    def turned(self, text: str) -> str:
        return text[::-1] if self.policy.get("direction") == "backward" else text

    def ids(self, seed_text: str) -> list[int]:
        """What is read before anything is written."""
        text = self.turned(self.prepared(seed_text))
        first = [] if self.end is None else [self.end]
        if self.end is None and not text:
            text = self.start()
        known = {character: v for v, character in enumerate(self.characters)}
        if self.unknown is None:
            return first + [known[character] for character in text]
        return first + [known.get(character, self.unknown) for character in text]

    def write(self, seed_text: str, length: int, temperature: float, seed: int) -> str:
        return self.continue_(seed_text, length, temperature, stranger_pcg64(seed))

    def continue_(
        self, seed_text: str, length: int, temperature: float, raw: Iterator[int]
    ) -> str:
        self.begin()
        text = ""
        for v in self.ids(seed_text):
            logits = self.read(v)
        for _ in range(length):
            if self.unknown is not None:
                logits[self.unknown] = -np.inf
            if temperature == 0:
                v = int(np.argmax(logits))
            else:
                u = (next(raw) >> 11) * 2.0**-53
                c, total = [], 0.0
                for a in (logits - logits.max()) / temperature:
                    total += np.exp(a)
                    c.append(total)
                v = next(v for v in range(len(c)) if c[v] > u * total)
            if v == self.end:
                break
            text += self.characters[v]
            logits = self.read(v)
        return self.turned(text)

    def write_items(self, count: int, temperature: float, seed: int) -> list[str]:
        streams = (stranger_pcg64(seed, i) for i in range(count))
        return [self.continue_("", 10_000, temperature, raw) for raw in streams]


# ######################################################################################
# Here the stranger meets chargen.

import itertools  # noqa: E402

from helpers import CHARACTERS, tiny_checkpoint, write_run  # noqa: E402

import chargen  # noqa: E402
from chargen.model.shape import ModelConfig  # noqa: E402
from chargen.runs import checkpoint as chargen_checkpoint  # noqa: E402
from chargen.runs.items import write_items  # noqa: E402
from chargen.sampling.options import Sampling  # noqa: E402
from chargen.sampling.texts import generate_texts  # noqa: E402
from chargen.text.documents import item_hash  # noqa: E402
from chargen.text.policy import TextPolicy  # noqa: E402
from chargen.text.sources import listing_hash, recorded_sources  # noqa: E402
from chargen.text.vocabulary import Vocabulary  # noqa: E402

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
def test_a_stranger_writes_the_same_text_with_a_tied_model(
    tmp_path: Path, cell: str
) -> None:
    run = tmp_path / "run"
    write_run(run, 7, cell=cell, layers=2, units=8, embedding_size=4, tied=True)
    stranger = Stranger(run)
    assert stranger.about["format"] == 2
    for seed_text, temperature, seed in (("", 0, 0), ("bad cab", 0.8, 2**40 + 3)):
        expected = text_of_chargen(run, seed_text, temperature, seed)
        assert stranger.write(seed_text, LENGTH, temperature, seed) == expected


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_the_texts_compared_are_no_trivial_ones(
    tmp_path: Path, cell: str, tied: bool
) -> None:
    run = tmp_path / "run"
    write_run(run, 7, cell=cell, layers=2, units=8, embedding_size=4, tied=tied)
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


# --- format 2 ---------------------------------------------------------------------------

ANYTHING = TextPolicy(newlines="any", normalize="nfc", lowercase=True)
ITEMS = TextPolicy(newlines="any", normalize="nfc", lowercase=True, documents="lines")


def with_marks(
    cell: str,
    policy: TextPolicy,
    *,
    characters: str = CHARACTERS,
    unknown: bool = True,
    layers: int = 1,
    scale: float = 1.0,
    **parts: Any,
) -> chargen_checkpoint.Checkpoint:
    """A checkpoint of format 2 with random weights; items have some ten characters."""
    vocabulary = Vocabulary(characters, end=policy.documents != "none", unknown=unknown)
    model = ModelConfig(cell, 8, layers, 4, 0.1)
    random = np.random.default_rng(7)
    weights = {
        name: (random.normal(size=shape) * scale).astype(np.float32)
        for name, shape in model.weight_shapes(len(vocabulary)).items()
    }
    if unknown:
        weights["dense.bias"][vocabulary.unknown] += 9  # the likeliest, and never drawn
    return tiny_checkpoint(
        cell, model=model, vocabulary=vocabulary, weights=weights, text=policy, **parts
    )


def write_marked(run: Path, *arguments: Any, **options: Any) -> None:
    made = write_run(run)
    made.publish(with_marks(*arguments, **options), best=True, keep=3)


SEEDS = ["", "bad cab", "Ea\u0301E\u0301\r\nB\rb", "q\u212a Ω中", "\ud800"]
"""With characters that are composed, put into lower case, or unknown."""


@pytest.mark.parametrize("documents", ["none", "lines", "files"])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_a_stranger_writes_the_same_with_marks(
    tmp_path: Path, cell: str, layers: int, documents: str
) -> None:
    run = tmp_path / "run"
    policy = TextPolicy(
        newlines="any", normalize="nfc", lowercase=True, documents=documents
    )
    write_marked(run, cell, policy, layers=layers)
    stranger = Stranger(run)
    assert stranger.about["format"] == 2
    lengths = set()
    for seed_text in SEEDS:
        for temperature, seed in ((0, 0), (0.8, 1), (1.5, 2**40 + 3)):
            expected = text_of_chargen(run, seed_text, temperature, seed)
            assert stranger.write(seed_text, LENGTH, temperature, seed) == expected
            lengths.add(len(expected))
    assert lengths == {LENGTH} if documents == "none" else min(lengths) < LENGTH


def test_a_stranger_writes_the_same_items(tmp_path: Path) -> None:
    run = tmp_path / "run"
    write_marked(run, "gru", ITEMS)
    samples = generate_texts(chargen.load(str(run)), Sampling(temperature=1, seed=3))
    expected = [sample.text for sample in itertools.islice(samples, 20)]
    assert len({*expected}) > 10
    assert Stranger(run).write_items(20, 1, 3) == expected


def test_a_stranger_asks_for_a_label(tmp_path: Path) -> None:
    run = tmp_path / "run"
    policy = TextPolicy(lowercase=True, documents="column", label=True)
    write_marked(run, "lstm", policy, characters="\t" + CHARACTERS)
    model, sampling = chargen.load(str(run)), Sampling(temperature=1, seed=3)
    stranger, found = Stranger(run), set()
    for label in ("DÉ", "a", "中😀", "b"):
        one = next(generate_texts(model, sampling, label=label, seed_text="Ab"))
        assert "ab" + stranger.write(f"{label}\tAb", 10_000, 1, 3) == one.text
        found.add(one.text)
    assert len(found) > 1


@pytest.mark.parametrize("documents", ["none", "lines"])
def test_a_stranger_writes_from_the_end(tmp_path: Path, documents: str) -> None:
    policy = TextPolicy("utf-8", "any", "nfc", documents=documents, direction="backward")
    write_marked(tmp_path, "gru", policy)
    stranger, model, texts = Stranger(tmp_path), chargen.load(str(tmp_path)), set()
    for seed_text, seed in itertools.product(("", "bad cab", "中\r\ne\u0301"), range(3)):
        sampling = Sampling(length=LENGTH, temperature=0.8, seed=seed)
        expected = next(generate_texts(model, sampling, seed_text=seed_text))
        written = stranger.write(seed_text, LENGTH, 0.8, seed)
        assert written + stranger.prepared(seed_text) == expected.text
        texts.add(written)
    assert any(text != text[::-1] for text in texts)


@pytest.mark.parametrize("normalize", ["none", "nfc", "nfkc"])
@pytest.mark.parametrize("newlines", ["any", "lf", "keep"])
def test_a_stranger_prepares_a_text_in_the_same_way(
    tmp_path: Path, newlines: str, normalize: str
) -> None:
    text = "A\r\nΣΑΣ\rİ e\u0301 ﬁ \u212b\n\r２\r\r\n"
    run = tmp_path / "run"
    characters = "".join(sorted(set(text + text.lower()) | set("éÅå2iÉ\u0307Åfς")))
    for lowercase in (False, True):
        policy = TextPolicy(newlines=newlines, normalize=normalize, lowercase=lowercase)
        write_marked(run, "gru", policy, characters=characters, unknown=False)
        stranger = Stranger(run, "latest")
        model = chargen.load(str(run / "latest"))
        assert stranger.prepared(text) == model.policy.prepare(text)
        assert (
            stranger.ids(text) == model.vocabulary.encode(stranger.prepared(text)).tolist()
        )


def test_an_end_mark_lets_nothing_through(tmp_path: Path) -> None:
    run = tmp_path / "run"
    write_marked(run, "lstm", ITEMS, layers=2)
    stranger = Stranger(run)
    stranger.begin()
    first = stranger.read(stranger.end)
    for v in (2, 3, stranger.unknown):
        assert not np.allclose(stranger.read(v), first)
    np.testing.assert_array_equal(stranger.read(stranger.end), first)


def test_a_stranger_tells_new_items_from_copied_ones(tmp_path: Path) -> None:
    items = ["zircon", "é中😀", "", "quartz", "zircon"]
    write_items(tmp_path, np.array([item_hash(item) for item in items], np.uint64))
    found = stranger_items(tmp_path)
    assert len(found) == 4
    assert {stranger_number(item) for item in items} == set(found)
    assert stranger_number("beryl") not in found


def test_the_listing_of_a_folder_is_what_sha256sum_prints() -> None:
    files = {"a.txt": "Ab\nbé\n".encode(), "more/b.txt": b"ba\n"}
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    listing = "".join(f"{sha256}  {name}\n" for name, sha256 in hashes.items())
    listed = [line for line in listing.splitlines() if f"    {line}\n" in PAGE_TEXT]
    assert len(listed) == 2
    expected = hashlib.sha256(listing.encode("utf-8")).hexdigest()
    assert listing_hash(hashes.items()) == expected
    (entry,) = examples()[1]["corpus"]
    assert entry["sha256"] == expected
    assert entry["bytes"] == sum(map(len, files.values()))
    assert entry["files"] == 2


# --- both formats -----------------------------------------------------------------------


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
    if isinstance(value, dict) and path != "training":
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


def documented_keys(version: int) -> set[str]:
    part = PAGE_TEXT.split("\n## checkpoint.json\n")[1].split("\n### text\n")[0]
    rows = re.findall(r"^\| `([^`]+)` \| ([12]) \|", part, re.MULTILINE)
    return {key for key, since in rows if int(since) <= version}


def test_the_keys_are_those_of_the_page(tmp_path: Path) -> None:
    write_run(tmp_path, 3)
    manifest = json.loads((tmp_path / "step-00000003" / "checkpoint.json").read_bytes())
    assert manifest["format"] == 1
    assert paths_of(manifest) == documented_keys(1)
    assert len(documented_keys(1)) > 25
    chargen_checkpoint.write(tmp_path / "two", with_marks("gru", ITEMS))
    manifest = json.loads((tmp_path / "two" / "checkpoint.json").read_bytes())
    assert manifest["format"] == 2
    assert paths_of(manifest) == documented_keys(2)
    assert len(documented_keys(2) - documented_keys(1)) == 7


def test_the_values_of_the_page_are_those_of_the_code() -> None:
    part = PAGE_TEXT.split("\n### text\n")[1].split("\n### marks\n")[0]
    found: dict[str, list[str]] = {}
    key = ""
    for name, values in re.findall(r"^\| (?:`(\w+)`)? ?\| (.*?) \|", part, re.MULTILINE):
        key = name or key
        found.setdefault(key, []).extend(re.findall(r"`([^`]+)`", values))
    del found["encoding"]
    by_format = chargen_checkpoint.TEXT_VALUES
    for key, allowed in by_format[2].items():
        words = [str(v).lower() if isinstance(v, bool) else v for v in allowed]
        assert sorted(found.pop(key)) == sorted(words), key
    assert not found


def examples() -> list[dict[str, Any]]:
    """The checkpoint.json of each example; what the second does not say is as before."""
    first, second = re.findall(r"```json\n(.*?)```", PAGE_TEXT, re.DOTALL)
    return [json.loads(first), {**json.loads(first), **json.loads(second)}]


@pytest.mark.parametrize("which", [0, 1])
def test_the_examples_are_what_chargen_writes(tmp_path: Path, which: int) -> None:
    about = examples()[which]
    model, marks = about["model"], about["marks"]
    characters = "".join(about["vocabulary"])
    vocabulary = Vocabulary(characters, end="end" in marks, unknown="unknown" in marks)
    shapes = ModelConfig(**model).weight_shapes(len(vocabulary))
    checkpoint = tiny_checkpoint(
        model["cell"],
        units=model["units"],
        layers=model["layers"],
        embedding_size=model["embedding_size"],
        vocabulary=vocabulary,
        weights={name: np.zeros(shape, np.float32) for name, shape in shapes.items()},
        text=TextPolicy(**about["text"]),
        corpus=recorded_sources(about["corpus"], about["training"]),
        training=about["training"],
        step=about["step"],
        epoch=about["epoch"],
        seconds=about["seconds"],
        train_loss=about["losses"]["train"],
        resume={},
    )
    folder = tmp_path / "step-00000012"
    chargen_checkpoint.write(folder, checkpoint)
    written = (folder / "checkpoint.json").read_bytes().decode("utf-8")
    if which == 0:
        assert f"```json\n{written}```" in PAGE_TEXT
    assert json.loads(written) == about
    assert list(json.loads(written)) == list(about)

    model = chargen.load(str(folder))
    if which == 0:
        sampled = re.search(r"seed text, writes `(\w+)`", PAGE_TEXT)[1]
        text = chargen.generate(model, length=len(sampled), temperature=1, seed=1)
        assert "".join(text) == sampled
        assert len(sampled) >= 20
    else:
        listed = re.search(r"second one writes the items (.*?)\.\n", PAGE_TEXT, re.DOTALL)[
            1
        ]
        items = re.findall(r"`(\w+)`|an empty one", listed)
        samples = generate_texts(model, Sampling(temperature=1, seed=1))
        assert [s.text for s in itertools.islice(samples, len(items))] == items
        assert len(items) > 5


def test_the_second_example_shows_only_what_differs() -> None:
    first, second = re.findall(r"```json\n(.*?)```", PAGE_TEXT, re.DOTALL)
    before, now = json.loads(first), json.loads(second)
    assert all(now[key] != before[key] for key in now)
    assert json.dumps(now, indent=2, ensure_ascii=False) + "\n" == second


def test_the_limits_of_the_page_are_those_of_the_code() -> None:
    from chargen.model import shape
    from chargen.runs import items, log, run, tensors
    from chargen.sampling import method
    from chargen.system import files
    from chargen.text import vocabulary

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
        8 * items.MAX_ITEMS,
        method.LONGEST,
    ):
        assert re.search(rf"(?<![\d,]){number:,}(?![\d,])", PAGE_TEXT), number
    assert run.STEP_NAME.fullmatch("step-00002000-2")

    assert chargen_checkpoint.NEWEST == 2
    assert PAGE_TEXT.startswith("# Checkpoints, formats 1 and 2\n")
