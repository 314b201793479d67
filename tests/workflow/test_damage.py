"""What a study leaves, damaged in many ways: refused, repaired or named, and never a crash."""

from __future__ import annotations

import pytest

from benchmarks.damage import running
from benchmarks.damage.kinds import KINDS

pytestmark = pytest.mark.long


def test_every_kind_of_file_is_damaged_in_many_ways():
    groups = {kind.group for kind in KINDS}
    assert {"result", "predictions", "prepared", "table", "decision", "checkpoint"} < groups
    assert sum(kind.group != "apart" for kind in KINDS) >= 100


def test_damage_is_refused_repaired_or_named(tmp_path, capsys):
    """A sample; ``python -m benchmarks.faults --damage 1000`` takes all kinds."""
    code = running.main(40, 1, tmp_path)
    printed = capsys.readouterr().out
    assert code == 0, printed
    for edit in ("score and predictions", "the page, hashed anew", "a time"):
        (line,) = [line for line in printed.splitlines() if line.startswith(edit)]
        without, with_key = line.split()[-2:]
        assert without == "unnoticed", "or the key is of no use"
        assert with_key in ("refused", "named")
