"""One of each from a package outside: one study, one report; nothing here changes or retrains."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.outside.package import FILES, OFFERED, install, study

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def outside(tmp_path):
    """A folder of a study, and a package beside it that is on Python's path."""
    install(tmp_path / "site")
    return tmp_path


def run(folder: Path, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess:
    path = os.pathsep.join([str(ROOT), str(folder / "site")])
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=cwd or folder,
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return done


def codes(folder: Path, **form: bool) -> dict[str, str]:
    (folder / "study.yaml").write_text(yaml.safe_dump(study(**form), sort_keys=False))
    return json.loads(run(folder, "afn.study", "codes", "study.yaml").stdout)


def test_names_and_fingerprints_are_the_same_by_short_and_by_long_names(outside):
    long, short = codes(outside, short=False), codes(outside, short=True)
    assert long == short
    assert len(long) == 7
    named = "\n".join(long)
    for text in ("somebody.norms~Scaled2d", "somebody.networks~tiny", "somebody.tasks~Stripes"):
        assert text in named
    usual = codes(outside, short=False, outside=False)
    assert usual.items() < long.items(), "what is not from outside is not trained again"
    committed = json.loads((ROOT / "tests/study/code/fingerprints.json").read_text())
    alike = {code for path, code in committed.items() if path.split("/")[1] == "convnet_small"}
    assert usual["digits8x8/convnet_small/batch/plain+batch_size=256+epochs=1"] in alike


@pytest.mark.parametrize(
    ("file", "path"),
    [
        ("norms.py", "/somebody.norms~Scaled2d/"),
        ("networks.py", "/somebody.networks~tiny/"),
        ("tasks.py", "somebody.tasks~Stripes/"),
        ("weather.py", "shifted"),
        ("recipes.py", "somebody.recipes~Doubled"),
        ("parts.py", "somebody.recipes~Doubled"),
        ("report.py", None),
    ],
)
def test_an_edit_outside_trains_only_what_uses_it(outside, file, path):
    before = codes(outside, short=False)
    with (outside / "site/somebody" / file).open("a") as opened:
        opened.write("\nEDITED = 1\n")
    after = codes(outside, short=False)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {name for name in before if path and path in name}


@pytest.mark.long
def test_one_study_and_one_report(outside):
    tree = _tree()
    run(outside, "afn.command", "init", "x")
    folder = outside / "x"
    (folder / "config.yaml").write_text(yaml.safe_dump(study(short=True), sort_keys=False))
    done = run(outside, "afn.command", "report", cwd=folder)
    page = (folder / done.stdout.strip().splitlines()[-1]).read_text()
    for text in ("Added by this study", "All accuracies", "Means by norm", "A remark"):
        assert text in page
    assert "decisions &lt;were&gt; made" in page, "what is added is escaped"
    assert "Scaled BatchNorm" in page
    assert (folder / "reports/outside/tables/best.csv").is_file()
    assert (folder / "reports/outside/figures/all-accuracies.pdf").is_file()
    told = run(outside, "afn.command", "verify", cwd=folder).stdout
    assert "14 of 14 results are whole" in told
    results = list((folder / "results/outside/runs").rglob("result.json"))
    fogged = [json.loads(f.read_text()) for f in results if "shifted" in f.parts[-6]]
    assert {e["condition"] for e in fogged[0]["evaluations"]} >= {"fog", "noise", "clean"}
    assert _tree() == tree
    dry = run(outside, "snakemake", "-n", cwd=folder)
    assert "Nothing to be done" in dry.stdout + dry.stderr
    report = outside / "site/somebody/report.py"
    report.write_text(FILES["report.py"].replace("Means by norm", "Means, by norm"))
    again = run(outside, "snakemake", "-n", cwd=folder)
    asked = again.stdout + again.stderr
    assert "rule tables" in asked
    assert "rule report" in asked
    assert "train_" not in asked, "a table from outside is drawn again, and nothing is trained"


def _tree() -> dict[str, str]:
    """The files of this project that a study could touch; `make docs` may write beside it."""
    rooms = ("afn", "analysis", "workflow", "profiles", "studies", "reports", "docs")
    return {
        str(file.relative_to(ROOT)): hashlib.sha256(file.read_bytes()).hexdigest()
        for room in rooms
        for file in sorted((ROOT / room).rglob("*"))
        if file.is_file() and not {"__pycache__", "_build"} & set(file.parts)
    }


@pytest.mark.parametrize("kind", OFFERED)
def test_what_is_not_there_is_told_with_what_is(outside, kind, monkeypatch):
    from afn.common.errors import StudyError
    from afn.study.parts import catalogue, offered

    monkeypatch.syspath_prepend(str(outside / "site"))
    offered.offered.cache_clear()
    catalogue.entry.cache_clear()
    short, long = next(iter(OFFERED[kind].items()))
    assert catalogue.entry(kind, short).name == long
    with pytest.raises(StudyError, match=f"did you mean '{short}'"):
        catalogue.entry(kind, short + "x")
    with pytest.raises(StudyError, match="has no"):
        catalogue.entry(kind, f"{long}X")
    offered.offered.cache_clear()
    catalogue.entry.cache_clear()


def test_two_packages_that_offer_one_name_are_told_apart(outside, monkeypatch):
    from afn.common.errors import StudyError
    from afn.study.parts import offered

    other = install(outside / "other")
    info = other / "somebody-1.0.dist-info"
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: another\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[afn_study.norm]\nscaled = another.norms:Other\n")
    info.rename(other / "another-1.0.dist-info")
    monkeypatch.syspath_prepend(str(outside / "site"))
    monkeypatch.syspath_prepend(str(other))
    offered.offered.cache_clear()
    with pytest.raises(StudyError, match="offered by two installed packages"):
        offered.offered("norm")
    offered.offered.cache_clear()
