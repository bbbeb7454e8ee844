"""How a step is computed: the plans, and what is recorded of them."""

from __future__ import annotations

import json
import math

import pytest

from chargen.training import plan as module
from chargen.training.plan import MAX_THREADS, PLANNED, STOCK, Plan, chosen_precision


def refused(name, value):
    """The ValueError names the field and shows the value."""
    with pytest.raises(ValueError) as caught:
        Plan(**{name: value})
    assert f"`{name}`" in str(caught.value)
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize("value", ["float16", "BFLOAT16", "", None, 16])
def test_an_unknown_precision_is_refused(value):
    refused("precision", value)


def test_auto_is_a_wish_and_not_a_plan():
    refused("precision", "auto")


@pytest.mark.parametrize("value", [0, -1, 1.0, "1", True, None, math.nan])
def test_shards_are_a_whole_number_above_zero(value):
    refused("shards", value)


def test_shards_are_bounded():
    assert Plan(shards=MAX_THREADS).shards == MAX_THREADS
    refused("shards", MAX_THREADS + 1)


@pytest.mark.parametrize("value", [0, 1, "yes", None])
@pytest.mark.parametrize("name", ["stock", "xla"])
def test_a_switch_is_true_or_false(name, value):
    refused(name, value)


def test_stock_layers_compute_in_float32():
    assert Plan("float32", xla=False, shards=1, stock=True) == STOCK
    with pytest.raises(ValueError, match=r"`stock`.*float32"):
        Plan("bfloat16", stock=True)


@pytest.mark.parametrize("plan", [Plan(), STOCK, Plan("bfloat16", xla=False, shards=7)])
def test_a_plan_comes_back_from_json(plan):
    values = json.loads(json.dumps(plan.to_dict()))
    assert tuple(values) == PLANNED
    assert Plan(**values) == plan


def test_the_plans_of_two_shards_differ_and_are_recorded_alike():
    plan = Plan("bfloat16", shards=3)
    plans = [plan.of_shard(k) for k in range(3)]
    assert plans[0] == plan
    assert len(set(plans)) == 3
    assert all(one.to_dict() == plan.to_dict() for one in plans)


@pytest.mark.parametrize(("has", "chosen"), [(True, "bfloat16"), (False, "float32")])
def test_auto_stands_for_what_the_cpu_multiplies(has, chosen, monkeypatch):
    monkeypatch.setattr(module, "has_bfloat16", lambda: has)
    assert chosen_precision("auto") == chosen
    for asked in ("float32", "bfloat16"):
        assert chosen_precision(asked) == asked
