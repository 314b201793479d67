"""Tables of scores through ``python -m analysis``: the decisions, or the one message."""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from pathlib import Path

from analysis.__main__ import main
from benchmarks.field import case

FAULTS = Path(__file__).resolve().parents[2] / "tests/analysis/standalone/faults"


def decided(name: str, *options: str, metric: str = "accuracy", baseline: str = "a") -> list[dict]:
    """The decisions of one of the tables; an error message is a wrong result."""
    with tempfile.TemporaryDirectory() as folder:
        words = [str(FAULTS / f"{name}.csv"), "--baseline", baseline, "--metric", metric]
        code, printed = run([*words, "-o", folder, *options])
        assert code == 0, printed
        return json.loads(Path(folder, "decisions.json").read_text(encoding="utf-8"))["decisions"]


def refusal(name: str, *options: str, metric: str = "accuracy") -> str:
    """The one message with which a table or an option is refused."""
    with tempfile.TemporaryDirectory() as folder:
        words = [str(FAULTS / f"{name}.csv"), "--baseline", "a", "--metric", metric]
        code, printed = run([*words, "-o", folder, *options])
    assert code == 2, f"exit code {code}"
    return printed


def run(words: list[str]) -> tuple[int, str]:
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        code = main(words)
    return code, errors.getvalue()


@case("1.0", "1.10")
def methods_like_versions(baseline: str) -> None:
    """Three methods 1.0, 1.1 and 1.10, each named as written, whichever is the baseline."""
    found = decided("methods_like_versions", baseline=baseline)
    assert {d["a"] for d in found} == {"1.0", "1.1", "1.10"} - {baseline}
    assert baseline == "1.10" or [d["n"] for d in found] == [3, 3]


@case()
def block_called_pooled() -> None:
    """A family of two, adjusted p 0.0175 and 0.0087, and decisions for the block itself."""
    found = decided("block_called_pooled")
    primary = [d for d in found if d["primary"]]
    assert [round(d["p_adjusted"], 4) for d in primary] == [0.0175, 0.0087]
    own = [d for d in found if not d["primary"] and d["backbone"] == "pooled"]
    assert [d["n"] for d in own] == [6, 6]


@case("10", "1e9", "1e10", "1e12")
def loss_one_diverged(value: str) -> None:
    """p = 2/2^10, superior, whatever a diverged run counts as."""
    options = ("--lower-is-better", "--diverged", value)
    (d,) = decided("loss_one_diverged", *options, metric="loss")
    assert (d["p"], d["verdict"]) == (2 / 2**10, "superior"), (d["p"], d["verdict"])


@case()
def trailing_commas() -> None:
    """Decided as without the last comma: six pairs in two blocks."""
    assert [d["n"] for d in decided("trailing_commas")] == [6, 6, 6]


@case()
def grid_with_holes() -> None:
    """A whole report."""
    assert {d["n"] for d in decided("grid_with_holes") if d["primary"]} == {0, 6}


@case()
def baseline_missing_in_one_part() -> None:
    """Not enough pairs in the part without a baseline."""
    found = decided("baseline_missing_in_one_part", "--per", "dataset")
    missing = [d for d in found if d["task"] == "y"]
    assert len(missing) == 2
    assert {d["verdict"] for d in missing} == {"not enough pairs"}


@case()
def column_of_run_names() -> None:
    """Decided over the data sets x and y, six pairs each; run names are no blocks."""
    found = decided("column_of_run_names")
    assert [(d["backbone"], d["n"]) for d in found] == [("pooled", 6), ("x", 6), ("y", 6)]


@case("nan", "inf", "-inf")
def options_that_are_not_finite(value: str) -> None:
    """One message that names the option."""
    options = ("--lower-is-better", f"--diverged={value}")
    assert "--diverged" in refusal("loss_one_diverged", *options, metric="loss")
    assert "--margin" in refusal("grid_with_holes", f"--margin={value}")
