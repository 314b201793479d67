"""``afn-study new`` and ``init`` write what works, and nothing over anything."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys

import pytest
import yaml

from afn.command.__main__ import main
from afn.command.init import init
from afn.command.new import NAMED, new
from afn.common.errors import StudyError
from afn.study.loading import load_study


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in ("my_part", *(f"my_part_{kind}" for kind in NAMED)):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("kind", NAMED)
def test_what_is_written_passes_its_own_test(kind, here):
    target, files = new(kind, "MyPart", here)
    before = set(sys.modules)
    written = runpy.run_path(str(files[1]))
    written["test_it_keeps_to_its_interface"]()
    for name in set(sys.modules) - before:
        if name.startswith("my_part"):
            del sys.modules[name]
    assert f'"{target}"' in files[1].read_text()


@pytest.mark.parametrize("kind", NAMED)
def test_a_study_can_name_it_as_it_is_told(kind, here, capsys):
    assert main(["new", kind, "MyPart"]) == 0
    told = capsys.readouterr().out
    line = next(line for line in told.splitlines() if "in a study file" in line)
    study = {
        "study": "s",
        "question": "?",
        "seeds": 6,
        "base": {"task": "digits8x8", "backbone": "resnet8"},
        "experiments": {"one": {}},
    }
    named = yaml.safe_load(line.partition("study file:")[2])
    study["base"] |= {key: value for key, value in named.items() if key != "report"}
    study |= {key: value for key, value in named.items() if key == "report"}
    (here / "config.yaml").write_text(yaml.safe_dump(study))
    loaded = load_study("config.yaml")
    assert "my_part" in loaded.to_json() + loaded.cells()[0].spec()


def test_in_a_checkout_the_test_lies_with_the_tests(here, capsys):
    for package in ("afn", "afn/tasks", "analysis", "analysis/figures"):
        (here / package).mkdir()
        (here / package / "__init__.py").touch()
    (here / "tests").mkdir()
    assert main(["new", "task", "MyPart", "--folder", "afn/tasks"]) == 0
    told = capsys.readouterr().out
    assert '  in a study file:  task: "afn.tasks.my_part:MyPart"' in told
    assert '  in the registry:  "my_part": "afn.tasks.my_part:MyPart",' in told
    assert (
        'check("task", "afn.tasks.my_part:MyPart")'
        in (here / "tests/tasks/test_my_part.py").read_text()
    )
    assert not list((here / "afn").rglob("test_*"))
    assert main(["new", "figure", "mine", "--folder", "analysis/figures"]) == 0
    told = capsys.readouterr().out
    assert '["analysis.figures.mine_figure:mine"]' in told
    assert "in the registry" not in told
    assert (here / "tests/analysis/figures/test_mine_figure.py").is_file()
    # A folder that is no package, and a package of somebody else's.
    assert new("norm", "Plain", here / "x")[0] == "plain:Plain"
    (here / "laboratory").mkdir()
    (here / "laboratory/__init__.py").touch()
    target, files = new("norm", "Theirs", here / "laboratory")
    assert target == "laboratory.theirs:Theirs"
    assert files[1].parent == here / "laboratory"


def test_a_part_that_is_not_there_is_told_in_few_words(here):
    """Pytest shows the test and the message; of files in the folder the nearest is named."""
    new("figure", "seed_lines", here)
    (here / "test_it.py").write_text(
        "from afn.checks import check\n\n\ndef test_it():\n    check('norm', 'seed_lines:Mine')\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"]
    done = subprocess.run(command, cwd=here, capture_output=True, text=True)
    assert done.returncode == 1
    assert "there is no module 'seed_lines' on the Python path; did you mean" in done.stdout
    assert "'seed_lines_figure'" in done.stdout
    assert "catalogue.py" not in done.stdout
    assert len(done.stdout.splitlines()) < 20, done.stdout


def test_nothing_is_written_over(here):
    new("norm", "MyPart", here)
    with pytest.raises(StudyError, match=r"my_part\.py is there already"):
        new("norm", "MyPart", here)
    with pytest.raises(StudyError, match="not empty"):
        init(here)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["new", "norms", "Mine"], "did you mean 'norm'"),
        (["new", "norm", "my-part"], "no name of Python"),
        (["reprot"], "did you mean 'report'"),
        (["init", "x", "--study", "table5"], "no shipped study"),
    ],
)
def test_mistakes_are_one_message(words, told, here, capsys):
    assert main(words) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert told in error
    assert list(here.iterdir()) == []


def test_init_writes_a_folder_whose_study_is_read(here, capsys):
    assert main(["init", "one"]) == 0
    assert main(["init", "two", "--study", "table5_cifar10"]) == 0
    assert load_study("one/config.yaml").name == "first"
    assert load_study("two/config.yaml").name == "table5_cifar10"
    assert json.loads((here / "one/study.schema.json").read_text())["title"] == "StudyFile"
    assert (here / "one/profiles/slurm/config.yaml").is_file()
    first = (here / "two/config.yaml").read_text().splitlines()[0]
    assert first.endswith("$schema=study.schema.json")


def test_the_makefile_says_what_pages_say(here):
    assert main(["init", "one"]) == 0
    where = 'norm == "afn" and seed == 3'
    command = ["make", "-n", "rerun", f"WHERE={where}", "STUDY=a b.yaml"]
    done = subprocess.run(command, cwd=here / "one", capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"afn-study rerun 'a b.yaml' --data '' --where '{where}'"
    for target in ("report", "partial", "status", "plan", "verify"):
        done = subprocess.run(["make", "-n", target], cwd=here / "one", capture_output=True)
        assert f"afn-study {target} 'config.yaml'".encode() in done.stdout


def test_every_command_is_in_the_help(capsys):
    from afn.command.__main__ import COMMANDS

    assert main(["--help"]) == 0
    told = capsys.readouterr().out
    assert all(command in told for command in COMMANDS)
