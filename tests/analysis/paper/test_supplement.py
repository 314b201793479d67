"""The archive of a study: whole, checked by `sha256sum`, and the same bytes whenever it is made."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import zipfile

import pandas as pd
import pytest

from afn.common.errors import StudyError
from afn.study import study_from_mapping
from analysis.__main__ import main
from analysis.decisions.decision import write_decisions
from analysis.paper.archive.supplement import gather
from tests.analysis.pages import MINIMAL


@pytest.fixture
def study(tmp_path):
    """Folders of a study as its steps leave them, with small stand-ins for what is not read."""
    results, report = tmp_path / "results/tiny", tmp_path / "reports/tiny"
    for folder in (results, report / "figures", report / "tables", report / "paper/tables"):
        folder.mkdir(parents=True)
    (tmp_path / "mine.yaml").write_text(json.dumps(MINIMAL))
    (results / "study.json").write_text(study_from_mapping(MINIMAL, "test").to_json())
    table = pd.DataFrame({"torch": ["2.10.0+cpu"] * 2, "processor": ["a chip"] * 2, "n": [1, 2]})
    table.to_parquet(results / "results.parquet")
    (results / "correct.npz").write_bytes(b"large")
    write_decisions(results / "decisions.json", [], {})
    for name in ("index.html", "figures/a.pdf", "tables/b.tex", "paper/tables/c.tex"):
        (report / name).write_text(name)
    (report / "figures/.b.pdf.tmp").write_text("half")
    (tmp_path / "workflow/rules").mkdir(parents=True)
    for name in ("Snakefile", "workflow/rules/a.smk"):
        (tmp_path / name).write_text(f"# {name}\n")
    (results / ".ledger").mkdir()
    times = {"start": 60.5, "epoch": 61, "finished": 7200.25}
    events = [json.dumps({"time": time, "event": event}) for event, time in times.items()]
    (results / ".ledger/a.jsonl").write_text("\n".join([*events, "no event", '{"event": "start"}']))
    return tmp_path


def make(study, name: str = "supplement.zip"):
    command = ["supplement", str(study / "results/tiny"), str(study / "reports/tiny")]
    command += ["--study-file", str(study / "mine.yaml"), "--workflow", str(study)]
    command += ["-o", str(study / name)]
    assert main(command) == 0
    return study / name


@pytest.mark.about("analysis/paper/archive/supplement.py")
def test_everything_is_in_it_with_checksums(study):
    with zipfile.ZipFile(make(study)) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
        archive.extractall(study / "out")
    expected = {"README.md", "SHA256SUMS", "study/mine.yaml", "results/decisions.json"}
    expected |= {"results/study.json", "results/results.parquet", "report/index.html"}
    expected |= {"ro-crate-metadata.json", "workflow/Snakefile", "workflow/workflow/rules/a.smk"}
    expected |= {"report/figures/a.pdf", "report/tables/b.tex", "report/paper/tables/c.tex"}
    assert set(names) == expected
    assert names == sorted(names)
    sums = dict(
        reversed(line.split("  ", 1))
        for line in (study / "out/SHA256SUMS").read_text().splitlines()
    )
    assert sums.keys() == expected - {"SHA256SUMS"}
    for name, digest in sums.items():
        assert hashlib.sha256((study / "out" / name).read_bytes()).hexdigest() == digest
    done = subprocess.run(
        ["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=study / "out", check=False
    )
    assert done.returncode == 0
    readme = (study / "out/README.md").read_text()
    assert MINIMAL["question"] in readme
    assert "report/paper/" in readme
    assert "search.json" not in readme


def test_made_twice_it_is_the_same(study):
    first = make(study).read_bytes()
    for path in study.rglob("*"):
        os.utime(path, (1e9, 1e9))
    (study / "reports/tiny/index.html").chmod(0o600)
    assert make(study, "again.zip").read_bytes() == first
    (study / "reports/tiny/index.html").write_text("other")
    assert make(study, "other.zip").read_bytes() != first


def test_what_is_missing_or_changed_is_told(study):
    folders = (study / "results/tiny", study / "reports/tiny", study / "mine.yaml")
    path = study / "results/tiny/decisions.json"
    path.write_text(path.read_text().replace('"decisions": []', '"decisions": [{}]'))
    with pytest.raises(StudyError, match="changed after it was written"):
        gather(*folders)
    (study / "reports/tiny/index.html").unlink()
    with pytest.raises(StudyError, match=r"index\.html: no such file"):
        gather(*folders)
