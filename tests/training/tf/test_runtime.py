"""What of the fast step is used on a machine: checks, their memory, and fallbacks."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from chargen.errors import TrainingError
from chargen.model.cells import CELLS
from chargen.training.plan import STOCK, Plan
from chargen.training.settings import Settings

FAST = Plan("bfloat16", shards=2)
# What is tried, from fast to safe.
LADDER = [
    FAST,
    Plan("float32", shards=2),
    Plan("bfloat16", xla=False, shards=2),
    Plan("bfloat16", shards=1),
    Plan("float32", xla=False, shards=2),
    Plan("float32", xla=False, shards=1),
]

slow = pytest.mark.slow
pytestmark = pytest.mark.usefixtures("pools")


@pytest.fixture
def checks(tmp_path, monkeypatch):
    """The file in which outcomes are kept."""
    import platformdirs

    folder = tmp_path / "cache" / "chargen"
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_, **__: str(folder))
    return folder / "checks.json"


@pytest.fixture
def checked(monkeypatch):
    """The plans that were checked; none is, for all of them are said to be sound."""
    return outcomes(monkeypatch, {})


def outcomes(monkeypatch, wrong):
    """Let a check say what `wrong` says of a plan, and gather the plans."""
    from chargen.training.tf import runtime

    found = []

    def check(cell, plan, *, items):
        found.append(plan)
        return wrong.get(plan)

    monkeypatch.setattr(runtime, "_error", check)
    return found


@pytest.fixture(autouse=True)
def cpu(monkeypatch):
    """A CPU that multiplies bfloat16 numbers, whatever this one does."""
    multiplies_bfloat16(monkeypatch, True)


def multiplies_bfloat16(monkeypatch, has):
    from chargen.training import plan
    from chargen.training.tf import runtime

    for module in (plan, runtime):
        monkeypatch.setattr(module, "has_bfloat16", lambda: has)


def choose(threads=2, gpu=False, end=None, **settings):
    from chargen.training.tf.runtime import Runtime, choose_plan

    return choose_plan(Settings(**settings), Runtime(threads, gpu), end=end)


# --- the memory of checks ----------------------------------------------------------------


def test_a_machine_is_checked_once(checks, checked):
    assert choose() == (FAST, [])
    assert checked == [FAST]
    assert choose() == (FAST, [])
    assert checked == [FAST]
    assert [path.name for path in checks.parent.iterdir()] == ["checks.json"]


def test_another_cell_precision_or_sharding_is_another_check(checks, checked):
    choose()
    choose(cell="gru")
    choose(precision="float32")
    choose(threads=1)
    assert len(checked) == 4
    choose(threads=7)  # like 2: shards are checked with two
    assert len(checked) == 4


def test_a_text_of_items_has_a_check_of_its_own(checks, monkeypatch):
    from chargen.training.tf import runtime

    found = []

    def check(cell, plan, *, items):
        found.append(items)
        return "differs by 3" if items and plan.xla else None

    monkeypatch.setattr(runtime, "_error", check)
    for _ in range(2):
        assert choose() == (FAST, [])
        assert choose(end=7)[0] == LADDER[2]
        assert choose(end=70)[0] == LADDER[2]  # whichever the id is
    assert found == [False, True, True, True]


@pytest.mark.parametrize("what", ["cpu", "version", "tensorflow"])
def test_another_machine_or_version_is_checked_anew_and_the_old_one_kept(
    what, checks, checked, monkeypatch
):
    from chargen.training.tf import runtime

    choose()
    before = json.loads(checks.read_text())
    with monkeypatch.context() as patch:
        if what == "cpu":
            patch.setattr(runtime, "cpu_model", lambda: "Another 9000")
        elif what == "version":
            patch.setattr(runtime, "__version__", "99.0")
        else:
            patch.setattr(runtime.importlib.metadata, "version", lambda _: "99.0")
        choose()
    assert len(checked) == 2
    after = json.loads(checks.read_text())
    assert len(after) == 2
    assert before.items() <= after.items()
    choose()
    assert len(checked) == 2


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"3",
        b'{"a": NaN}',
        b"KEY []",
        b"KEY 3",
        b"KEY null",
    ],
)
def test_a_damaged_file_is_ignored_and_written_anew(damage, checks, checked):
    choose()
    (key,) = sound = json.loads(checks.read_text())
    if damage.startswith(b"KEY"):  # JSON, but no outcomes
        damage = json.dumps({key: json.loads(damage[4:])}).encode()
    checks.write_bytes(damage)
    assert choose() == (FAST, [])
    assert len(checked) == 2
    assert json.loads(checks.read_text()) == sound
    choose()
    assert len(checked) == 2


def test_a_cache_folder_that_cannot_be_written_is_no_error(checks, checked):
    checks.parent.parent.mkdir()
    checks.parent.write_text("a file where the folder should be")
    assert choose() == choose() == (FAST, [])
    assert checked == [FAST, FAST]
    assert checks.parent.read_text() == "a file where the folder should be"


def test_a_check_that_is_interrupted_leaves_nothing(checks, monkeypatch):
    from chargen.training.tf import runtime

    def interrupted(cell, plan, *, items):
        raise KeyboardInterrupt

    monkeypatch.setattr(runtime, "_error", interrupted)
    with pytest.raises(KeyboardInterrupt):
        choose()
    assert not checks.exists()


# --- what does not work ------------------------------------------------------------------


@pytest.mark.parametrize("failing", range(1, len(LADDER) + 1))
def test_what_does_not_work_is_left_off_one_after_the_other(failing, checks, monkeypatch):
    wrong = dict.fromkeys(LADDER[:failing], "differs by 3")
    checked = outcomes(monkeypatch, wrong)
    plan, notes = choose()
    chosen = [*LADDER, STOCK][failing]
    assert checked == LADDER[: failing + 1]
    assert plan == chosen
    off = {
        "bfloat16": chosen.precision == "float32",
        "XLA": not chosen.xla,
        "splitting batches": chosen.shards == 1,
        "chargen's fast layers": chosen.stock,
    }
    assert notes == [
        f"{part} does not work here and is switched off: training is slower"
        for part, is_off in off.items()
        if is_off
    ]
    # And is not tried again.
    assert choose() == (plan, notes)
    assert len(checked) == len(LADDER[: failing + 1])


def test_a_failure_of_the_moment_is_not_remembered(checks, monkeypatch):
    import tensorflow as tf

    from chargen.training.tf import runtime

    def check(cell, plan, *, items):
        if full and plan == FAST:
            raise tf.errors.ResourceExhaustedError(None, None, "out of memory")

    monkeypatch.setattr(runtime, "_error", check)
    full = True
    plan, notes = choose()
    assert plan == LADDER[1]
    assert notes == ["bfloat16 does not work here and is switched off: training is slower"]
    full = False
    assert choose() == (FAST, [])


def test_a_check_tells_failures_of_the_moment_from_others(monkeypatch):
    import tensorflow as tf

    def fail(kind):
        def raise_it(*_):
            raise kind(None, None, "as it was told")

        return raise_it

    with monkeypatch.context() as patch, pytest.raises(tf.errors.ResourceExhaustedError):
        spoiled(patch, fail(tf.errors.ResourceExhaustedError))
    with monkeypatch.context() as patch:
        found = spoiled(patch, fail(tf.errors.UnimplementedError))
    assert found == "UnimplementedError: as it was told"


def test_no_plan_is_checked_twice_where_there_is_less_to_leave_off(checks, monkeypatch):
    last = Plan(xla=False)
    everything = [replace(plan, precision="float32", shards=1) for plan in LADDER]
    wrong = {plan: "differs" for plan in everything if plan != last}
    checked = outcomes(monkeypatch, wrong)
    plan, notes = choose(threads=1, precision="float32")
    assert plan == last
    assert checked == [Plan(), last]
    assert notes == ["XLA does not work here and is switched off: training is slower"]


# --- what is asked for -------------------------------------------------------------------


def test_stock_layers_need_no_check(checks, checked):
    assert choose(stock=True) == (STOCK, [])
    assert checked == []


def test_a_gpu_has_stock_layers_and_float32(checks, checked):
    assert choose(gpu=True) == (STOCK, [])
    plan, notes = choose(gpu=True, precision="bfloat16")
    assert plan == STOCK
    (note,) = notes
    assert "`precision='bfloat16'`" in note and "float32" in note
    assert checked == []


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_precision_and_threads_are_obeyed(precision, threads, checks, checked):
    plan = Plan(precision, shards=threads)
    assert choose(threads, precision=precision) == (plan, [])


@pytest.mark.parametrize(
    ("threads", "batch_size", "shards"),
    [(2, 16, 2), (8, 16, 4), (8, 64, 8), (2, 7, 1), (2, 8, 2), (4, 3, 1), (1, 64, 1)],
)
def test_a_shard_has_four_streams_at_least(threads, batch_size, shards, checks, checked):
    plan, notes = choose(threads, batch_size=batch_size)
    assert plan.shards == shards
    assert notes == []
    assert [plan.shards for plan in checked] == [shards]


@pytest.mark.parametrize(("has", "precision"), [(True, "bfloat16"), (False, "float32")])
def test_auto_is_what_the_cpu_multiplies(has, precision, checks, checked, monkeypatch):
    multiplies_bfloat16(monkeypatch, has)
    assert choose() == (Plan(precision, shards=2), [])


def test_bfloat16_that_the_cpu_does_not_multiply_is_obeyed_with_a_note(
    checks, checked, monkeypatch
):
    multiplies_bfloat16(monkeypatch, False)
    plan, notes = choose(precision="bfloat16")
    assert plan == FAST
    (note,) = notes
    assert "float32 is faster here" in note


# --- the check itself --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "plan", "items"),
    [
        pytest.param("rnn", Plan(xla=False, shards=2), False, marks=slow),
        pytest.param("lstm", FAST, False, marks=slow),
        ("lstm", FAST, True),
        *(
            pytest.param(cell, plan, False, marks=slow)
            for cell in CELLS
            for plan in LADDER
            if (cell, plan) not in (("lstm", FAST), ("rnn", LADDER[4]))
        ),
        *(pytest.param(cell, FAST, True, marks=slow) for cell in ("rnn", "gru")),
    ],
    ids=lambda value: (
        f"{value.precision} {'xla' if value.xla else 'plain'} {value.shards}"
        if isinstance(value, Plan)
        else str(value)
    ),
)
def test_nothing_is_wrong_with_a_step_here(cell, plan, items):
    from chargen.training.tf.runtime import _error

    assert _error(cell, plan, items=items) is None


def spoiled(monkeypatch, spoil):
    """What a check says of a step whose results `spoil` has changed."""
    from chargen.training.tf import runtime

    original = runtime.loss_and_gradients

    def changed(*arguments, **options):
        return spoil(*original(*arguments, **options))

    monkeypatch.setattr(runtime, "loss_and_gradients", changed)
    return runtime._error("rnn", Plan(xla=False))


def scaled(gradients, factor, place):
    """All shards' gradients, those of one weight scaled."""
    return [
        [g * factor if i == place % len(shard) else g for i, g in enumerate(shard)]
        for shard in gradients
    ]


@pytest.mark.parametrize("place", [0, 3, -1])
def test_a_gradient_that_is_wrong_is_found(place, monkeypatch):
    found = spoiled(
        monkeypatch, lambda loss, g, after: (loss, scaled(g, 1.01, place), after)
    )
    assert found == "differs by 0.01"


@pytest.mark.parametrize(
    "what", ["the states", pytest.param("a kernel's gradient", marks=slow)]
)
def test_an_end_mark_that_is_forgotten_is_found(what, monkeypatch):
    from chargen.training.tf import recurrent, runtime

    plan = Plan(xla=False)
    assert runtime._error("rnn", plan, items=True) is None
    if what == "the states":
        step = runtime.loss_and_gradients
        forgetful = lambda *arguments, end: step(*arguments)  # noqa: E731
        monkeypatch.setattr(runtime, "loss_and_gradients", forgetful)
    else:
        before = recurrent._before
        monkeypatch.setattr(recurrent, "_before", lambda h, hs, keep: before(h, hs, None))
    assert runtime._error("rnn", plan, items=True).startswith("differs by ")
    assert runtime._error("rnn", plan) is None


def test_a_gradient_that_is_not_finite_is_found(monkeypatch):
    found = spoiled(
        monkeypatch, lambda loss, g, after: (loss, scaled(g, float("nan"), 1), after)
    )
    assert found == "differs by nan"


def test_an_update_that_does_not_learn_is_found(monkeypatch):
    from chargen.training.tf import runtime
    from chargen.training.tf.soap import Soap

    plain = Soap.apply

    def climbing(soap, shards, projected, scale, rate):
        plain(soap, shards, projected, scale, -10 * rate)

    monkeypatch.setattr(Soap, "apply", climbing)
    assert runtime._error("rnn", Plan(xla=False)) == "updates do not lower the loss"


def test_a_loss_and_a_state_that_are_wrong_are_found(monkeypatch):
    with monkeypatch.context() as patch:
        assert spoiled(patch, lambda loss, g, after: (loss + 0.1, g, after))
    with monkeypatch.context() as patch:
        assert spoiled(patch, lambda loss, g, after: (loss, g, [*after[:-1], -after[-1]]))


def test_a_step_that_fails_is_found(monkeypatch):
    import tensorflow as tf

    def fails(*_):
        raise tf.errors.UnimplementedError(None, None, "no kernel for this")

    assert spoiled(monkeypatch, fails) == "UnimplementedError: no kernel for this"


def test_a_failure_in_the_middle_of_a_step_is_found(monkeypatch):
    import tensorflow as tf

    def fails(loss, gradients, after):
        return tf.debugging.check_numerics(loss / 0.0, "infinite"), gradients, after

    assert spoiled(monkeypatch, fails).startswith("InvalidArgumentError: ")


# --- TensorFlow's pools and devices ------------------------------------------------------


def prepare(**settings):
    from chargen.training.tf.runtime import prepare_tensorflow

    return prepare_tensorflow(Settings(**settings))


def without_gpu(monkeypatch):
    import tensorflow as tf

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind=None: [])


def test_a_gpu_that_is_not_there_is_an_error(monkeypatch):
    without_gpu(monkeypatch)
    with pytest.raises(TrainingError, match=r"`device='gpu'`.*no GPU here.*`device`"):
        prepare(device="gpu")


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_without_a_gpu_the_cpu_trains(device, monkeypatch):
    without_gpu(monkeypatch)
    assert prepare(device=device).gpu is False


def test_a_gpu_is_used_where_it_is_found_and_not_forbidden(monkeypatch):
    import tensorflow as tf

    visible = ["the GPU"]
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["the GPU"])
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind=None: visible)
    monkeypatch.setattr(
        tf.config, "set_visible_devices", lambda devices, kind: visible.__imul__(0)
    )
    for pool in ("intra", "inter"):
        name = f"set_{pool}_op_parallelism_threads"
        monkeypatch.setattr(tf.config.threading, name, lambda count: None)
    grown = []
    monkeypatch.setattr(
        tf.config.experimental, "set_memory_growth", lambda *growth: grown.append(growth)
    )
    assert prepare().gpu is prepare(device="gpu").gpu is True
    assert set(grown) == {("the GPU", True)}
    assert visible
    assert prepare(device="cpu").gpu is False
    assert visible == []


def test_threads_are_all_that_there_are_or_those_asked_for(monkeypatch):
    from chargen.training.tf import runtime

    monkeypatch.setattr(runtime, "cores", lambda: 6)
    assert prepare().threads == 6
    assert prepare(threads=4).threads == 4


POOLS = """
import sys
import tensorflow as tf
if "used" in sys.argv:
    tf.zeros(()) + 1
from chargen.training.settings import Settings
from chargen.training.tf.runtime import prepare_tensorflow
first = prepare_tensorflow(Settings(threads=3))
pools = tf.config.threading
print(pools.get_intra_op_parallelism_threads(), pools.get_inter_op_parallelism_threads())
print(first.threads, len(first.notes), len(prepare_tensorflow(Settings(threads=3)).notes))
print(*first.notes)
"""


def fresh(*arguments, folder):
    """The lines that POOLS prints in an interpreter of its own."""
    done = subprocess.run(
        [sys.executable, "-c", POOLS, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_pools_are_set_before_the_first_operation(tmp_path):
    # One thread in a kernel, as many kernels as threads; and again is no contradiction.
    assert fresh(folder=tmp_path) == ["1 3", "3 0 0", ""]


@slow
def test_a_program_that_used_tensorflow_before_keeps_its_pools_and_is_told(tmp_path):
    lines = fresh("used", folder=tmp_path)
    assert lines[:2] == ["0 0", "3 1 1"]
    assert "used TensorFlow before" in lines[2]


def test_the_real_cache_folder_is_left_alone(cache_folder):
    import platformdirs

    if sys.platform == "linux":
        found = Path(platformdirs.user_cache_dir("chargen", appauthor=False))
        assert found == cache_folder / "chargen"
