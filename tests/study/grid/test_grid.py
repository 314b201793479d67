from __future__ import annotations

import json
import subprocess
import sys

import pytest

from afn.common.errors import StudyError
from afn.study.grid.arms import canonical_arm
from afn.study.loading import load_resolved, load_study
from afn.study.plan.checks import family_size
from tests.study.conftest import ROOT


def test_the_default_study_has_290_runs_and_shares_what_is_equal():
    study = load_study(ROOT / "config.yaml")
    plain = [cell for cell in study.cells() if not cell.search]
    assert len(plain) == 27
    assert [len(study.seeds_of(cell)) for cell in plain] == [10] * 27
    winners = [cell for cell in study.cells() if cell.search]
    assert [cell.seeds for cell in winners] == [(2 * r, 2 * r + 1) for r in range(5) for _ in "ab"]
    assert len(list(study.runs())) == 290
    assert study.named() == 320
    assert family_size(study) == 14
    assert study.cell("digits8x8/resnet8/afn/plain").experiments == tuple(
        name for name in study.experiments if name != "tuned"
    )


def test_the_family_counts_what_is_decided(small, load):
    assert family_size(load(small)) == 4
    small["experiments"]["norms"]["factors"]["recipe.epochs"] = [1, 2]
    assert family_size(load({**small, "seeds": 9})) == 8


def test_the_same_settings_get_the_same_name_however_they_are_written(small, load):
    small["base"]["norm"] = {"name": "afn", "lambda_init": -3}
    small["experiments"]["norms"]["factors"]["norm"][2] = "afn+lambda_init=-3.0"
    assert load(small).cell("digits8x8/resnet8/afn/plain+epochs=2").norm == "afn"
    assert canonical_arm("afn+stan_ratio=8+residual=off") == "afn+residual=off+stan_ratio=8"


def test_a_bare_off_is_the_word_off(tmp_path, small, load):
    import yaml

    small["experiments"]["residual"] = {"factors": {"norm.residual": ["learned", "OFF"]}}
    text = yaml.safe_dump(small).replace("'OFF'", "off").replace("- OFF", "- off")
    path = tmp_path / "bare.yaml"
    path.write_text(text)
    names = {cell.norm for cell in load_study(path).experiments["residual"].cells}
    assert names == {"afn", "afn+residual=off"}


def test_protocols_follow_what_a_norm_can_be_tested_with(small, load):
    study = load(small)
    tested = {cell.norm: list(cell.protocols) for cell in study.experiments["norms"].cells}
    assert tested == {
        "batch": ["running", "test_batch"],
        "layer": ["any"],
        "afn": ["running", "test_batch"],
        "afn_released": ["test_batch"],
    }


def test_a_spec_is_complete_canonical_and_the_study_reads_back(small, load, tmp_path):
    study = load(small)
    cell = study.cell("digits8x8/resnet8/afn/plain+epochs=2")
    spec = json.loads(cell.spec())
    assert spec["norm"]["stan_ratio"] == 2
    assert spec["recipe"]["optimizer"] == "adam"
    path = tmp_path / "study.json"
    path.write_text(study.to_json())
    again = load_resolved(path)
    assert [c.spec() for c in again.cells()] == [c.spec() for c in study.cells()]
    assert again.to_json() == study.to_json()


def test_the_order_of_protocols_and_experiments_is_kept(small, load, tmp_path):
    small["protocols"] = dict(reversed(small["protocols"].items()))
    small["experiments"] = dict(reversed(small["experiments"].items()))
    path = tmp_path / "study.json"
    path.write_text(load(small).to_json())
    study = load_resolved(path)
    assert list(study.protocols) == ["test_batch", "running"]
    assert list(study.experiments) == ["ratios", "norms"]
    spec = json.loads(study.cell("digits8x8/resnet8/afn/plain+epochs=2").spec())
    assert spec["validation_protocol"] == "test_batch"


def test_where_applicable_drops_an_option_and_equal_runs_collapse(small, load):
    factors = {"norm": ["batch", "afn"], "norm.stan_ratio": [2, 8]}
    small["experiments"]["mixed"] = {"factors": factors}
    with pytest.raises(StudyError, match=r"norm 'batch' has no option 'stan_ratio'"):
        load(small)
    small["experiments"]["mixed"]["where_applicable"] = True
    names = [cell.norm for cell in load(small).experiments["mixed"].cells]
    assert names == ["batch", "afn", "afn+stan_ratio=8"]


def test_checking_a_study_imports_neither_torch_nor_pandas():
    code = (
        "import sys; from afn.study import load_study; s = load_study('config.yaml');"
        "from afn.study.code.fingerprint import run_fingerprint;"
        "[run_fingerprint(c) for c in s.cells()];"
        "print([m for m in ('torch', 'pandas', 'numpy', 'scipy') if m in sys.modules])"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert output.stdout.strip() == "[]"
