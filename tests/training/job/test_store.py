"""The private store of a run."""

from __future__ import annotations

import hashlib
import io

import pytest
import torch

from afn.common.errors import StudyError
from afn.training.job import checkpoint
from afn.training.job.store import RunName, Store
from tests.records import files_of, record_of

RUN = RunName("t", "b", "afn+lambda_init=-5", "r", 0)
RECORD = record_of(str(RUN))
FILES = files_of(RECORD)
STAMP = {key: RECORD[key] for key in ("spec", "fingerprint", "data", "threads")} | {"seed": 0}


def test_a_run_is_named_by_its_path():
    path = f"results/s/runs/{RUN}/result.json"
    assert RunName.of(path) == RUN
    assert str(RUN) == "t/b/afn+lambda_init=-5/r/seed0"
    for wrong in ("seed0/result.json", "t/b/n/r/seed/result.json", "t/b/n/r/seed0/history.csv"):
        with pytest.raises(StudyError, match="seed<k>"):
            RunName.of(wrong)


def test_the_store_gives_back_only_what_fits_the_stamp(tmp_path):
    store = Store(tmp_path, RUN)
    assert store.finished(STAMP) is None
    store.finish(STAMP, RECORD, FILES)
    assert store.finished(STAMP).record["evaluations"] == RECORD["evaluations"]
    assert store.finished({**STAMP, "threads": 2}) is None
    assert Store(tmp_path, RunName("t", "b", "n", "r", 0)).finished(STAMP) is None
    (store.folder / "finished" / "stamp.json").unlink()
    assert store.finished(STAMP) is None


def test_the_store_gives_back_only_a_result_of_its_run_and_stamp(tmp_path):
    store = Store(tmp_path, RUN)
    for other in (record_of(str(RUN).replace("seed0", "seed1")), {**RECORD, "fingerprint": "f1"}):
        store.finish(STAMP, other, FILES)
        assert store.finished(STAMP) is None
    store.finish(STAMP, RECORD, FILES)
    assert store.finished(STAMP) is not None


@pytest.mark.parametrize(
    "content", [[1, 2], torch.zeros(2), {"layout": 2}, {"layout": 2, "stamp": {}, "state": [1]}]
)
def test_an_intact_file_that_is_no_checkpoint_is_passed_over(content, tmp_path):
    checkpoint.save(tmp_path, {}, {"epoch": 3})
    (tmp_path / checkpoint.CURRENT).rename(tmp_path / checkpoint.PREVIOUS)
    buffer = io.BytesIO()
    torch.save(content, buffer)
    raw = buffer.getvalue()
    (tmp_path / checkpoint.CURRENT).write_bytes(hashlib.sha256(raw).digest() + raw)
    assert checkpoint.load(tmp_path, {}) == {"epoch": 3}
