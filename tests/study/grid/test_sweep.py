"""Limited and sorted protocols and the sweep: names, order, conditions, cost, messages."""

from __future__ import annotations

import pytest

from afn.common.conditions import selects
from afn.common.errors import StudyError
from afn.study.grid.sweep import default_conditions
from afn.study.plan import sizes
from afn.study.plan.checks import family_size
from afn.study.plan.sizes import images
from afn.study.plan.work import operations

NAMES = [f"batch{n}{o}" for o in ("", "_sorted") for n in (1, 8, 32, 128, 256)]


def cell_of(study, norm):
    return next(c for c in study.cells() if c.norm == norm)


def test_a_sweep_adds_protocols_and_changes_nothing_else(small, load):
    before = load(small)
    after = load({**small, "protocol_sweep": {}})
    assert after.swept == NAMES
    assert after.protocols == before.protocols
    assert family_size(after) == family_size(before)
    assert list(cell_of(after, "afn").protocols) == ["running", "test_batch", *NAMES]
    assert list(cell_of(after, "afn_released").protocols) == ["test_batch", *NAMES]
    assert cell_of(after, "layer").spec() == cell_of(before, "layer").spec()
    assert cell_of(after, "afn").protocols["batch8_sorted"] == {
        "statistics": "batch",
        "batch_size": 8,
        "order": "sorted",
        "conditions": ["clean", "severity_5"],
    }
    assert "order" not in cell_of(after, "afn").protocols["batch8"]
    assert '"validation_protocol":"running"' in cell_of(after, "afn").spec()


def test_only_the_named_experiments_are_swept(small, load):
    study = load({**small, "protocol_sweep": {"experiments": ["ratios"]}})
    swept = {c.norm for c in study.cells() if set(NAMES) <= set(c.protocols)}
    assert swept == {"afn", "afn+stan_ratio=4", "afn+stan_ratio=8"}


def test_the_default_order_has_one_specification(small, load):
    plain = cell_of(load(small), "afn").spec()
    small["protocols"]["test_batch"]["order"] = "shuffled"
    assert cell_of(load(small), "afn").spec() == plain
    small["protocols"]["test_batch"]["order"] = "sorted"
    assert cell_of(load(small), "afn").spec() != plain


def test_a_contrast_may_ask_for_a_protocol_of_the_sweep(small, load):
    pair = ["afn@batch8_sorted", "batch@batch8_sorted"]
    small["experiments"]["norms"]["contrasts"] = [pair]
    small["plan"]["outcomes"] = ["clean", "severity_5"]
    small["protocol_sweep"] = {}
    assert load(small).experiments["norms"].contrasts[0].a == pair[0]
    small["plan"]["outcomes"] = ["clean", "shift"]
    with pytest.raises(StudyError, match=r"plan\.outcomes asks for 'shift'"):
        load(small)
    small["protocol_sweep"] = {"conditions": ["clean", "shift"]}
    load(small)


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        ({"conditions": ["clean", "severity_6"]}, "no 'severity_6'; did you mean 'severity_5'"),
        ({"experiments": ["norm"]}, "no experiment 'norm'; did you mean 'norms'"),
        ({"batch_sizes": [8, 8]}, "'batch8' is asked for twice"),
        ({"batch_sizes": [0]}, "protocol_sweep.batch_sizes"),
        ({"orders": ["random"]}, "protocol_sweep.orders"),
    ],
)
def test_mistakes_are_named(small, load, sweep, message):
    with pytest.raises(StudyError) as error:
        load({**small, "protocol_sweep": sweep})
    assert message in str(error.value)


def test_mistakes_in_a_protocol_are_named(small, load):
    small["protocols"]["test_batch"]["conditions"] = ["clea"]
    with pytest.raises(StudyError, match=r"protocols\.test_batch\.conditions.*'clean'"):
        load(small)
    small["protocols"] = {"running": {"statistics": "running", "order": "sorted"}}
    with pytest.raises(StudyError, match="do not depend on the order"):
        load(small)
    small["protocols"] = {"running": {"statistics": "running"}, "batch8": {"statistics": "batch"}}
    small["protocols"]["batch8"]["batch_size"] = 8
    with pytest.raises(StudyError, match="protocol_sweep adds 'batch8'"):
        load({**small, "protocol_sweep": {}})


def test_which_tests_a_limit_selects():
    places = [("clean", 0), ("blur", 1), ("blur", 5), ("noise", 5)]

    def found(*conditions):
        return [place for place in places if selects(conditions, *place)]

    assert found("clean", "severity_5") == [("clean", 0), ("blur", 5), ("noise", 5)]
    assert found("shift") == places[1:]
    assert found("blur") == [("blur", 1), ("blur", 5)]
    assert [p for p in places if selects(None, *p)] == places


def test_defaults_without_severities():
    task = {"name": "digits", "source": "usps", "targets": ["mnist", "usps"], "mnist": "all"}
    assert default_conditions(task) == ["clean", "shift"]
    assert default_conditions({"name": "cifar10", "validation": 0.1}) == ["clean"]
    assert sum(sizes.test_sizes(task).values()) == images({**task, "validation": 0.1})[1]


def test_the_cost_counts_the_selected_tests(small, load):
    few, many = load(small), load({**small, "protocol_sweep": {}})
    extra = operations(cell_of(many, "afn")) - operations(cell_of(few, "afn"))
    task = cell_of(many, "afn").settings["task"]
    severe = sum(n for (_, severity), n in sizes.test_sizes(task).items() if severity in (0, 5))
    once = operations(cell_of(few, "afn")) / (3 * 1077 * 2 + 2 * images(task)[1])
    assert extra == pytest.approx(once * 10 * severe)
    assert sum(sizes.test_sizes(task).values()) == images(task)[1]
