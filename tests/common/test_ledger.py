"""The ledger of events."""

from __future__ import annotations

import json
import os

from afn.common.ledger import Ledger


def test_the_ledger_is_lines_of_json(tmp_path):
    first, second = Ledger(tmp_path / "ledger"), Ledger(tmp_path / "ledger")
    first.write("run", "start", 0)
    second.write("other", "emitted", 5)
    first.write("run", "epoch", 1)
    files = sorted((tmp_path / "ledger").iterdir())
    assert len(files) == 2
    assert all(f"-{os.getpid()}-" in file.name for file in files)
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    assert {(e["run"], e["event"], e["epoch"]) for e in lines} == {
        ("run", "start", 0),
        ("other", "emitted", 5),
        ("run", "epoch", 1),
    }
    assert all(set(e) == {"time", "run", "event", "epoch"} for e in lines)
