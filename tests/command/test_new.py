"""``afn-study new`` and ``init`` write what works, and nothing over anything."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from afn.command.__main__ import main
from afn.command.init import init
from afn.command.new import NAMED, OF_REPORTS, new
from afn.common.errors import StudyError
from afn.study.loading import load_study

ROOT = Path(__file__).resolve().parents[2]


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


def test_what_is_written_for_a_report_bears_the_names_of_its_pages(here):
    """Labels, colours and verdicts as the page has them; no names of folders or of Python."""
    from matplotlib.colors import to_hex

    from analysis.example import inputs
    from analysis.figures.drawing import style

    made = inputs()
    written = {}
    for kind in OF_REPORTS:
        _, files = new(kind, "MyPart", here)
        written[kind] = runpy.run_path(str(files[0]))["my_part"](made)
    axes = next(written["figure"]).figure.axes[0]
    drawn = {line.get_label(): (to_hex(line.get_color()), line.get_marker()) for line in axes.lines}
    looks = {norm: (style.color(norm).lower(), style.marker(norm)) for norm in ("batch", "afn")}
    assert drawn == {"BatchNorm": looks["batch"], "AFN": looks["afn"]}
    assert {row[2] for row in next(written["table"]).rows} == {"BatchNorm", "AFN"}
    (line,) = [line for line in written["section"].paragraphs if "clean" in line]
    (decision,) = [d for d in made.decisions if d.primary and d.outcome == "clean"]
    told = decision.verdict.value.replace("_", " ")
    assert line.startswith(f"AFN \u2212 BatchNorm, clean: {told}")


def test_what_is_written_is_in_the_style_of_this_project(here):
    rooms = {"norm": "afn/normalization/methods", "task": "afn/tasks"}
    rooms |= dict.fromkeys(OF_REPORTS, "analysis/figures")
    (here / "tests").mkdir()
    for kind in NAMED:
        folder = Path(rooms.get(kind, "afn/training"))
        for package in (*folder.parents[:-1], folder):
            package.mkdir(exist_ok=True, parents=True)
            (package / "__init__.py").touch()
        new(kind, f"Scaled{kind.capitalize()}", folder)
    ruff = [sys.executable, "-m", "ruff"]
    config = ["--config", str(ROOT / "pyproject.toml")]
    for command in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
        done = subprocess.run([*ruff, *command, *config, "."], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


@pytest.mark.long
def test_what_is_written_has_the_types_that_lint_asks_of_it(here):
    files = [str(new(kind, f"My{kind}", here)[1][0]) for kind in NAMED]
    norm = Path(files[list(NAMED).index("norm")])  # in a room whose types are strict
    norm.write_text("# mypy: disallow-subclassing-any, warn-return-any\n" + norm.read_text())
    config = ("--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(here / "cache"))
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *config, "--follow-imports=silent", *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_in_a_checkout_the_test_lies_with_the_tests(here, capsys):
    for package in ("afn", "afn/tasks", "analysis", "analysis/figures"):
        (here / package).mkdir()
        (here / package / "__init__.py").touch()
    (here / "tests").mkdir()
    assert main(["new", "task", "MyPart", "--folder", "afn/tasks"]) == 0
    told = capsys.readouterr().out
    assert '  in a study file:  task: "afn.tasks.my_part:MyPart"' in told
    assert '  in afn/tasks/__init__.py:  "my_part": "afn.tasks.my_part:MyPart",' in told
    assert main(["new", "condition", "fog", "--folder", "afn/tasks"]) == 0
    told = capsys.readouterr().out
    assert '  in afn/tasks/conditions.py:  REGISTRY["fog"] = "afn.tasks.fog_condition:fog"' in told
    assert (
        'check("task", "afn.tasks.my_part:MyPart")'
        in (here / "tests/tasks/test_my_part.py").read_text()
    )
    assert not list((here / "afn").rglob("test_*"))
    assert main(["new", "figure", "mine", "--folder", "analysis/figures"]) == 0
    told = capsys.readouterr().out
    assert '["analysis.figures.mine_figure:mine"]' in told
    assert "__init__.py" not in told
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
