"""docs/cells.md and its Chinese twin: every number is right; the examples/ run."""

from __future__ import annotations

import argparse
import importlib.util
import math
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from chargen.cli import COMMANDS
from chargen.model.cells import CELLS
from chargen.model.shape import ModelConfig
from chargen.sampling.engine import Engine
from chargen.text.vocabulary import Vocabulary

ROOT = Path(__file__).parents[1]
PAGES = {
    "en": (ROOT / "docs/cells.md").read_text("utf-8"),
    "zh": (ROOT / "docs/cells.zh-CN.md").read_text("utf-8"),
}
READ, PREDICTED = "abb", "bbc"
both_pages = pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
each_cell = pytest.mark.parametrize("cell", CELLS)


def example(name):
    """A script of examples/ as a module."""
    file = ROOT / "examples" / f"{name}.py"
    module = sys.modules.get(f"examples_{name}")
    if module is None:
        spec = importlib.util.spec_from_file_location(f"examples_{name}", file)
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # dataclasses look themselves up there
        spec.loader.exec_module(module)
    return module


# --- what stands in a page ----------------------------------------------------------------


def rows_of(table):
    """The cells of a Markdown table, its rule left out."""
    lines = [line.strip("|").split("|") for line in table.strip().splitlines()]
    rows = [[cell.strip() for cell in line] for line in lines]
    assert len({len(row) for row in rows}) == 1
    assert set("".join(rows[1])) <= set("-:")
    return [rows[0], *rows[2:]]


def checked_tables(page):
    """Name → rows of the tables that follow a comment `checked: NAME`."""
    found = re.findall(r"<!-- checked: (\S+) -->\n\n((?:\|.*\n)+)", page)
    assert len(dict(found)) == len(found) == page.count("<!-- checked: ")
    return {name: rows_of(table) for name, table in found}


def numbers(rows):
    """The numbers of a table, as they are written, without header and first column."""
    return [[x for x in row[1:] if re.fullmatch(r"-?\d+(\.\d+)?", x)] for row in rows[1:]]


def matrix(rows):
    return np.array([[float(x) for x in row[1:]] for row in rows[1:]], np.float32)


def weights_of(page, cell):
    """The example's weights by their names in a checkpoint, float32."""
    tables = checked_tables(page)
    dense = matrix(tables["dense"])
    layer = matrix(tables[f"{cell}.weights"])
    bias = layer[4:] if cell == "gru" else layer[4]
    return {
        "embedding": matrix(tables["embedding"]),
        "rnn.0.kernel": layer[:2],
        "rnn.0.recurrent_kernel": layer[2:4],
        "rnn.0.bias": bias,
        "dense.kernel": dense[:2],
        "dense.bias": dense[2],
    }


# --- the equations, spelled out with Python's own floats ----------------------------------


def times(vector, matrix, columns):
    return [
        sum(x * float(row[j]) for x, row in zip(vector, matrix, strict=True))
        for j in columns
    ]


def plus(*vectors):
    return [sum(xs) for xs in zip(*vectors, strict=True)]


def sigmoid(vector):
    return [1 / (1 + math.exp(-x)) for x in vector]


def tanh(vector):
    return [math.tanh(x) for x in vector]


def spelled(cell, weights):
    """What each step of the example computes: name → vector."""
    weights = {
        k: [[round(float(x), 6) for x in row] for row in np.atleast_2d(w)]
        for k, w in weights.items()
    }
    K, R, b = (weights[f"rnn.0.{k}"] for k in ("kernel", "recurrent_kernel", "bias"))
    W, d = weights["dense.kernel"], weights["dense.bias"][0]
    h, c = [0.0, 0.0], [0.0, 0.0]
    steps = []
    for read, target in zip(READ, PREDICTED, strict=True):
        x = weights["embedding"]["abc".index(read)]
        step = {"before": h, "x": x}

        def block(k, x=x, h=h, bias=b[0]):
            columns = (2 * k, 2 * k + 1)
            return plus(
                times(x, K, columns), times(h, R, columns), [bias[j] for j in columns]
            )

        if cell == "rnn":
            step["xK"], step["hR"] = times(x, K, (0, 1)), times(h, R, (0, 1))
            step["a"] = block(0)
            h = tanh(step["a"])
        elif cell == "lstm":
            i, f, g, o = (
                sigmoid(block(0)),
                sigmoid(block(1)),
                tanh(block(2)),
                sigmoid(block(3)),
            )
            step.update(i=i, f=f, g=g, o=o)
            c = [f[j] * c[j] + i[j] * g[j] for j in (0, 1)]
            step.update(c=c, tanh_c=tanh(c))
            h = [o[j] * step["tanh_c"][j] for j in (0, 1)]
        else:
            z, r = (sigmoid(plus(block(k), b[1][2 * k : 2 * k + 2])) for k in (0, 1))
            u = plus(times(x, K, (4, 5)), b[0][4:])
            v = plus(times(h, R, (4, 5)), b[1][4:])
            n = tanh([u[j] + r[j] * v[j] for j in (0, 1)])
            h = [z[j] * h[j] + (1 - z[j]) * n[j] for j in (0, 1)]
            step.update(z=z, r=r, n=n)
        y = plus(times(h, W, (0, 1, 2)), d)
        step.update(h=h, y=y, exp=[math.exp(t) for t in y])
        step["sum"] = sum(step["exp"])
        step["p"] = [t / step["sum"] for t in step["exp"]]
        step["nats"] = -math.log(step["p"]["abc".index(target)])
        steps.append(step)
    return steps


TABLES = {
    "rnn.states": ("a", "h"),
    "lstm.gates": ("i", "f", "g", "o"),
    "lstm.states": ("c", "tanh_c", "h"),
    "gru.gates": ("z", "r", "n", "h"),
    **{f"{cell}.outputs": ("y", "p", "nats") for cell in CELLS},
}
HEADERS = {
    "rnn.states": "a₁ a₂ h₁ h₂",
    "lstm.gates": "i₁ i₂ f₁ f₂ g₁ g₂ o₁ o₂",
    "lstm.states": "c₁ c₂ tanh(c₁) tanh(c₂) h₁ h₂",
    "gru.gates": "z₁ z₂ r₁ r₂ h̃₁ h̃₂ h₁ h₂",
    "outputs": "y(a) y(b) y(c) p(a) p(b) p(c)",
}


def shown(values):
    return [f"{value:.4f}" for value in np.ravel(values)]


def expected_rows(name, weights):
    steps = spelled(name.split(".")[0], weights)
    return [[x for k in TABLES[name] for x in shown(step[k])] for step in steps]


def in_brackets(value, kind="g"):
    return f"({value:{kind}})" if value < 0 else f"{value:{kind}}"


def spelled_block(weights):
    """The example's SimpleRNN as the pages write it, step by step."""

    def vector(values):
        return f"({', '.join(shown(values))})"

    lines = []
    for t, step in enumerate(spelled("rnn", weights)):
        R = weights["rnn.0.recurrent_kernel"]
        products = ", ".join(
            " + ".join(
                f"{in_brackets(h, '.4f') if i else f'{h:.4f}'}·{in_brackets(R[i, j])}"
                for i, h in enumerate(step["before"])
            )
            for j in (0, 1)
        )
        h_R = vector(step["hR"])
        target = PREDICTED[t]
        lines += [
            f"t = {t + 1}           {READ[t]} → {target}",
            f"h             = {vector(step['before'])}",
            f"x             = {vector(step['x'])}",
            f"x K           = {vector(step['xK'])}",
            f"h R           = ({products}) = {h_R}" if t else f"h R           = {h_R}",
            f"x K + h R + b = {vector(step['a'])}",
            f"h' = tanh(…)  = {vector(step['h'])}",
            f"y = h' W + d  = {vector(step['y'])}",
            f"exp(y)        = {vector(step['exp'])}",
            f"Σ exp(y)      = {step['sum']:.4f}",
            f"p             = {vector(step['p'])}",
            f"-ln p({target})      = {step['nats']:.4f}",
            "",
        ]
    return "\n".join(lines)


@both_pages
def test_the_example_has_the_shapes_of_the_cells(page):
    for cell in CELLS:
        config = ModelConfig(cell, units=2, layers=1, embedding_size=2, dropout=0.0)
        found = {name: w.shape for name, w in weights_of(page, cell).items()}
        assert found == config.weight_shapes(3)


@both_pages
@pytest.mark.parametrize("name", TABLES)
def test_every_number_of_a_table_is_right(page, name):
    rows = checked_tables(page)[name]
    weights = weights_of(page, name.split(".")[0])
    kind = name if name in HEADERS else "outputs"
    plain = 1 if kind != "outputs" else 2  # columns of characters after the step's number
    symbols = HEADERS[kind].split()
    assert rows[0][0] == "t"
    assert rows[0][1 + plain : 1 + plain + len(symbols)] == symbols
    for t, (row, expected) in enumerate(
        zip(rows[1:], expected_rows(name, weights), strict=True)
    ):
        assert row[: 1 + plain] == [str(t + 1), READ[t], PREDICTED[t]][: 1 + plain]
        assert row[1 + plain :] == expected


@both_pages
@each_cell
def test_the_engine_gives_the_numbers_of_the_page(page, cell):
    config = ModelConfig(cell, units=2, layers=1, embedding_size=2, dropout=0.0)
    engine = Engine(config, Vocabulary("abc"), weights_of(page, cell))
    tables = {name: numbers(rows) for name, rows in checked_tables(page).items()}
    states = tables["gru.gates" if cell == "gru" else f"{cell}.states"]
    state = engine.zero_state()
    for t, character in enumerate(READ):
        logits, state = engine.step(engine.vocabulary.encode(character), state)
        outputs = [float(x) for x in tables[f"{cell}.outputs"][t]]
        close = {"atol": 5.1e-5, "rtol": 0}
        np.testing.assert_allclose(logits[0], outputs[:3], **close)
        p = np.exp(logits[0]) / np.exp(logits[0]).sum()
        np.testing.assert_allclose(p, outputs[3:6], **close)
        target = engine.vocabulary.encode(PREDICTED[t])
        np.testing.assert_allclose(-np.log(p[target]), outputs[6:], **close)
        h, *c = (array[0] for array in state._layers[0])
        np.testing.assert_allclose(h, [float(x) for x in states[t][-2:]], **close)
        if cell == "lstm":
            np.testing.assert_allclose(*c, [float(x) for x in states[t][:2]], **close)


@both_pages
def test_the_calculation_step_by_step_is_right(page):
    assert f"```text\n{spelled_block(weights_of(page, 'rnn')).rstrip()}\n```" in page


@both_pages
def test_the_sizes_are_right(page):
    header, *rows = checked_tables(page)["sizes"]
    assert re.findall(r"\w = \d+", header[2]) == ["E = 128", "H = 128"]
    assert [row[0] for row in rows] == ["SimpleRNN", "LSTM", "GRU"]
    for cell, row in zip(CELLS, rows, strict=True):
        shapes = ModelConfig(cell, 128, 1, 128).weight_shapes(68)
        layer = sum(math.prod(shape) for name, shape in shapes.items() if "rnn" in name)
        assert row[2] == f"{layer:,}"
        formula = re.sub(r"([\dH]) (?=[\dH(])", r"\1 * ", row[1])
        assert eval(formula, {"H": 128, "E": 128}) == layer


@both_pages
def test_the_numbers_in_the_text_are_right(page):
    lstm = spelled("lstm", weights_of(page, "lstm"))
    gru = spelled("gru", weights_of(page, "gru"))
    page = " ".join(page.split())  # lines are broken anywhere
    calculations = {
        "c₁' = f₁ c₁ + i₁ g₁": (
            f"{lstm[1]['f'][0]:.4f} · {lstm[0]['c'][0]:.4f} + "
            f"{lstm[1]['i'][0]:.4f} · ({lstm[1]['g'][0]:.4f})"
        ),
        "h₁' = o₁ tanh(c₁')": f"{lstm[1]['o'][0]:.4f} · {lstm[1]['tanh_c'][0]:.4f}",
        "h₁' = z₁ h₁ + (1 - z₁) h̃₁": (
            f"{gru[1]['z'][0]:.4f} · {gru[0]['h'][0]:.4f} + "
            f"{1 - gru[1]['z'][0]:.4f} · ({gru[1]['n'][0]:.4f})"
        ),
    }
    for symbols, written in calculations.items():
        value = eval(written.replace("·", "*"))
        assert f"{symbols} = {written} = {value:.4f}" in page
    assert f"{lstm[1]['c'][0]:.4f}" in page
    assert re.search(rf"{lstm[0]['tanh_c'][0]:.4f}\D+{lstm[0]['h'][0]:.4f}", page)
    forget = 1 / (1 + math.exp(-1))
    for value, shape in (
        (forget, "σ(1) = {:.2f}"),
        (math.log(68), "ln 68 = {:.2f}"),
        (math.log(math.e + 67) - 1, "{:.2f} nat"),
    ):
        assert shape.format(value) in page.replace("奈特", "nat")
    assert f"{forget**10:.2f}" == "0.04"
    assert f"{forget**100:.0e}" == "2e-14"
    assert f"{1 / (1 + math.exp(-3)):.4f}" == "0.9526"
    assert f"{0.9526**100:.3f}" == "0.008"
    assert all(x in page for x in ("0.04", "2e-14", "0.9526", "0.008"))


# --- the two pages ------------------------------------------------------------------------


def blocks(page):
    """The code blocks, comments left out."""
    found = re.findall(r"^( *)```(\w+)\n(.*?)^ *```$", page, re.M | re.S)
    return [
        (kind, [re.sub(r"\s+#.*", "", line).strip() for line in code.splitlines()])
        for _, kind, code in found
    ]


def digits(rows):
    """A table's numbers and names in code or formulas; words may differ."""
    keep = re.compile(
        r"-?\d+(?:[.,]\d+)*(?:e-?\d+)?|`[^`]+`|\b(?:SimpleRNN|LSTM|GRU|h|c|streams)\b"
    )
    return [[keep.findall(cell) for cell in row] for row in rows]


def test_the_pages_are_one():
    english, chinese = PAGES.values()
    assert blocks(english) == blocks(chinese)
    tables = [
        [rows_of(t) for t in re.findall(r"(?:^\|.*\n)+", page, re.M)]
        for page in PAGES.values()
    ]
    assert [digits(rows) for rows in tables[0]] == [digits(rows) for rows in tables[1]]
    assert len(tables[0]) == 17
    assert list(checked_tables(english)) == list(checked_tables(chinese))
    for pattern in (
        r"^(#+) ",
        r"\]\((images/[^)]*)\)",
        r"^- ([A-Z].*)$",
        r"--[a-z-]+",
        r"\b(?:19|20)\d\d\b",
    ):
        found = [re.findall(pattern, page, re.M) for page in PAGES.values()]
        if pattern in (r"--[a-z-]+", r"\b(?:19|20)\d\d\b"):
            found = [sorted(set(one)) for one in found]
        if pattern == r"^- ([A-Z].*)$":  # the sources; other lists are in two languages
            found = [[one for one in each if re.search(r"\d{4}: ", one)] for each in found]
        assert found[0] == found[1]
        assert found[0]


def test_the_measured_figures_in_the_text_are_in_the_tables():
    """What the notes quote from the tables of measured figures, in both languages."""
    for page in PAGES.values():
        for quoted in ("0.80", "0.87", "4.5", "0.35"):
            assert quoted in page
        shown_in_tables = " ".join(re.findall(r"(?:^\|.*\n)+", page, re.M))
        for measured in ("0.797", "0.866", "4.51", "0.347"):
            assert measured in shown_in_tables


@both_pages
def test_every_link_and_picture_is_there(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page):
        assert (ROOT / "docs" / target).is_file(), target
    for file in (ROOT / "docs/images").iterdir():
        assert file.stat().st_size < 60_000
        assert file.name.startswith("write") or f"images/{file.name}" in page


@both_pages
def test_every_command_can_be_parsed(page):
    lines = [line for kind, code in blocks(page) if kind == "sh" for line in code]
    assert len(lines) >= 6
    for line in lines:
        words = shlex.split(line)
        if words[0] == "chargen":
            COMMANDS[words[1]]().make_context(words[1], words[2:])
        else:
            assert words[0] == "python"
            assert isinstance(
                example(Path(words[1]).stem).parser().parse_args(words[2:]),
                argparse.Namespace,
            )


@both_pages
def test_every_python_block_compiles(page):
    for kind, code in re.findall(r"^ *```(\w+)\n(.*?)^ *```$", page, re.M | re.S):
        if kind == "python":
            indent = len(code) - len(code.lstrip(" "))
            lines = [line[indent:] for line in code.splitlines()]
            compile("\n".join(lines), "page", "exec")


def test_a_set_of_characters_has_another_order_in_another_run():
    orders = set()
    for seed in "0123":
        done = subprocess.run(
            [sys.executable, "-c", "print(*set('a quiet harbour'), sep='')"],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            timeout=60,
        )
        orders.add(done.stdout)
    assert len(orders) > 1


@pytest.mark.slow
def test_the_exercise_on_the_reach_of_a_model_runs(tmp_path):
    (code,) = (
        "\n".join(line[3:] for line in code.splitlines())
        for code in re.findall(r"```python\n(   import chargen\n.*?)```", PAGES["en"], re.S)
    )
    done = run([sys.executable, "-c", code], tmp_path)
    assert done.returncode == 0, done.stderr
    lengths, losses = zip(*(line.split() for line in done.stdout.splitlines()), strict=True)
    assert lengths == ("8", "32", "128", "512")
    assert sorted(losses, reverse=True) == list(losses)


# --- the scripts --------------------------------------------------------------------------


def run(command, folder, **environment):
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=600,
        check=False,
    )


def tiny(cell, *, units=5, characters=7, seed=3):
    """A model with random weights, biases too: (config, weights)."""
    config = ModelConfig(cell, units, 1, 4, 0.0)
    random = np.random.default_rng(seed)
    return config, {
        name: random.normal(0, 0.7, shape).astype(np.float32)
        for name, shape in config.weight_shapes(characters).items()
    }


@each_cell
def test_gradients_are_those_of_finite_differences(cell):
    gradients = example("gradients")
    config, weights = tiny(cell)
    ids = np.random.default_rng(0).integers(7, size=(1, 9)).astype(np.int32)
    found, _ = gradients.state_gradients(config, weights, ids, back=6)
    step = gradients.STEPS[cell](weights)

    def loss(state, t):
        """The loss of the last character if the state after t inputs is `state`."""
        for i in ids[:, t:-1].T:
            state, _ = step.forward(step.inputs(i), state)
        y = state[0] @ weights["dense.kernel"] + weights["dense.bias"]
        return np.log(np.exp(y).sum()) - y[0, ids[0, -1]]

    states = [[np.zeros((1, 5))] * len(step.states)]
    for i in ids[:, :-1].T:
        states.append(step.forward(step.inputs(i), states[-1])[0])
    for k in range(7):
        t = ids.shape[1] - 1 - k
        for place, name in enumerate(step.states):
            for unit in range(5):
                losses = []
                for change in (1e-5, -1e-5):
                    state = [s.copy() for s in states[t]]
                    state[place][0, unit] += change
                    losses.append(loss(state, t))
                slope = (losses[0] - losses[1]) / 2e-5
                assert abs(found[name][k, 0, unit] - slope) < 1e-8


@each_cell
def test_gradients_are_those_of_keras(cell, pools):
    """With Keras's own layers, a call for each step, and GradientTape."""
    import tensorflow as tf

    from chargen.training.tf.own_keras import keras

    gradients = example("gradients")
    config, weights = tiny(cell)
    ids = np.random.default_rng(1).integers(7, size=(3, 11)).astype(np.int32)
    back = 8
    found, _ = gradients.state_gradients(config, weights, ids, back)
    kinds = {
        "rnn": keras.layers.SimpleRNNCell,
        "lstm": keras.layers.LSTMCell,
        "gru": keras.layers.GRUCell,
    }
    layer = kinds[cell](config.units)
    layer.build((3, config.embedding_size))
    layer.set_weights(
        [weights[f"rnn.0.{k}"] for k in ("kernel", "recurrent_kernel", "bias")]
    )
    count = len(gradients.STEPS[cell].states)
    with tf.GradientTape() as tape:
        states = [[tf.zeros((3, config.units))] * count]
        for i in ids[:, :-1].T:
            # An identity of each state: its gradient is then of that use of it alone.
            used = [tf.identity(s) for s in states[-1]]
            tape.watch(used)
            states[-1] = used
            states.append(layer(tf.gather(weights["embedding"], i), used)[1])
        last = [tf.identity(s) for s in states[-1]]
        tape.watch(last)
        logits = last[0] @ weights["dense.kernel"] + weights["dense.bias"]
        loss = tf.reduce_sum(
            tf.nn.sparse_softmax_cross_entropy_with_logits(ids[:, -1], logits)
        )
    states[-1] = last
    expected = tape.gradient(
        loss, states[-1 - back :], unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    for place, name in enumerate(gradients.STEPS[cell].states):
        for k in range(back + 1):
            np.testing.assert_allclose(
                found[name][k], expected[-1 - k][place], rtol=1e-4, atol=1e-6
            )


def test_gradients_are_for_one_layer():
    gradients = example("gradients")
    config = ModelConfig("lstm", 3, 2, 3)
    with pytest.raises(ValueError, match="single layer; got 2"):
        gradients.state_gradients(config, {}, np.zeros((1, 4), np.int32), 2)


@pytest.mark.parametrize("layers", [1, 2])
@each_cell
def test_matching_units_give_nearly_the_same_parameters(cell, layers):
    lstm = ModelConfig("lstm", 128, layers, 64)
    units = example("compare_cells").matching_units(cell, lstm, 68)
    model = ModelConfig(cell, units, layers, 64)
    assert abs(model.parameters(68) / lstm.parameters(68) - 1) < 0.01
    assert units == 128 or cell != "lstm"


def test_small_and_large_shares_are_written_with_a_power():
    text = example("gradients").share_text
    found = [text(x) for x in (1.0784, 0.0012, 27.3, 0.00047, 4.2e-12, 8.2e10, 0.0)]
    assert found == ["1.078", "0.001", "27.300", "5e-4", "4e-12", "8e10", "0e0"]


MINIMAL = {
    "gradients": "--steps 2 --units 4 --seq-length 16 --places 3",
    "compare_cells": "--steps 2 --units 4 --seq-length 16",
}


def printed(name, folder, *options):
    """Run a script with little to do: the rows that it prints, and its messages."""
    command = [sys.executable, str(ROOT / f"examples/{name}.py"), *MINIMAL[name].split()]
    done = run([*command, *options], folder)
    assert done.returncode == 0, done.stderr
    rows = [line.strip("|").split("|") for line in done.stdout.splitlines() if line]
    return rows, done.stderr


@pytest.mark.parametrize(
    ("name", "rows"),
    [("gradients", 8), pytest.param("compare_cells", 4, marks=pytest.mark.slow)],
)
def test_a_script_runs_to_its_end(name, rows, tmp_path):
    drawn = importlib.util.find_spec("matplotlib") is not None
    # Keras's own layers start sooner: nothing is compiled or tried out for them.
    options = ["--cells", "rnn", "--stock", *([] if drawn else ["--no-plot"])]
    found, messages = printed(name, tmp_path, *options)
    assert len(found) == rows
    assert not re.search("warning|absl", messages, re.I)
    written = [path.name for path in tmp_path.iterdir()]
    assert written == ([f"{name}.png"] if drawn else [])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "rows"), [("gradients", 18), ("compare_cells", 8)])
def test_a_script_prints_the_same_figures_again(name, rows, tmp_path):
    def figures():
        found, _ = printed(name, tmp_path, "--no-plot")
        if name == "compare_cells":
            found = [row[:5] + row[6:] for row in found]  # without the seconds
        return found

    first = figures()
    assert len(first) == rows
    assert first == figures()


@pytest.mark.parametrize("name", MINIMAL)
def test_a_script_says_that_matplotlib_is_missing(name, monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr(sys, "argv", [name])
    monkeypatch.chdir(tmp_path)
    assert example(name).main() == 1
    assert "pip install matplotlib" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", MINIMAL)
def test_a_script_names_a_corpus_that_is_not_there(name, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sys, "argv", [name, "nowhere.txt", "--no-plot"])
    monkeypatch.chdir(tmp_path)
    assert example(name).main() == 1
    assert "there is no file nowhere.txt" in capsys.readouterr().err
