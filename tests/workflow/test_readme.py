"""The README's example of a new normalisation, pasted as it stands, reaches the report."""

from __future__ import annotations

import copy
import json
import re
import sys

import pytest

from tests.workflow.project import ROOT, TINY, Project

pytestmark = [pytest.mark.long, pytest.mark.about("README.md")]


def _example() -> tuple[str, str]:
    """The file and the registry line that the README shows."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    file = next(b for b in blocks if b.startswith("# afn/normalization/methods/scaled_batch.py"))
    line = next(b for b in blocks if "in REGISTRY" in b)
    return file, line.splitlines()[1]


def test_one_file_and_one_line_add_a_normalisation(tmp_path):
    project = Project(tmp_path)
    file, line = _example()
    (project.folder / "afn/normalization/methods/scaled_batch.py").write_text(file)
    registry = project.folder / "afn/normalization/__init__.py"
    text = registry.read_text()
    registry.write_text(text.replace("REGISTRY = {\n", "REGISTRY = {\n" + line + "\n", 1))
    study = copy.deepcopy(TINY)
    study["protocols"] = {
        "running": {"statistics": "running"},
        "test_batch": {"statistics": "batch", "batch_size": 120},
    }
    study["experiments"] = {
        "scales": {
            "factors": {"norm": ["batch", "scaled_batch", "scaled_batch+scale=0.25"]},
            "contrasts": [["scaled_batch", "batch"]],
        }
    }
    study["plan"]["primary"] = ["scales"]
    project.write_study(study)
    done = project.run(sys.executable, "workflow/run.py")
    assert done.stdout.strip().splitlines()[-1] == "reports/tiny/index.html"
    report = (project.folder / "reports/tiny/index.html").read_text()
    assert "scaled_batch" in report
    made = json.loads((project.folder / "results/tiny/decisions.json").read_text())
    assert {d["a"] for d in made["decisions"]} == {"scaled_batch"}
    assert len(project.results()) == 18
