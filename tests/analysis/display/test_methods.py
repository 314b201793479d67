"""The list of methods on a page: what each class says of itself, wherever it comes from."""

from __future__ import annotations

from afn.command.new import new
from afn.study.loading import study_from_mapping
from analysis.display import glossary
from analysis.example import STUDY


def test_a_norm_from_outside_is_explained_by_its_docstring(tmp_path, monkeypatch):
    """A cell calls it by the name of its folder, in which ``~`` stands for the colon."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    target, _ = new("norm", "Explained", tmp_path)
    compared = {"scales": {"factors": {"norm": [target], "norm.scale": [0.25, 0.5]}}}
    compared["norms"] = {"factors": {"norm": [target, "batch"]}, "contrasts": [[target, "batch"]]}
    study = study_from_mapping(
        {**STUDY, "experiments": compared, "plan": {**STUDY["plan"], "primary": ["norms"]}}, "test"
    )
    told = dict(glossary.methods(study))
    assert told["Explained"].startswith("BatchNorm whose output is scaled")
    assert "BatchNorm" in told
