"""The house itself: arrows between rooms, derived files, the README's commands."""

from __future__ import annotations

import ast
import itertools
import re
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import needs
from tests.scripts import script

ROOT = Path(__file__).resolve().parents[1]
STANDARD = {
    "afn/common": {"afn.common"},
    "afn/study": {
        *("afn.study", "afn.common", "pydantic", "annotated_types", "yaml", "scipy", "numpy"),
        "afn.tasks.data.split",
    },
    "afn/checks": {
        *("afn.backbones", "afn.checks", "afn.common", "afn.normalization", "afn.study.parts"),
        *("afn.tasks", "afn.training", "numpy", "torch"),
    },
    "afn/command": {
        *("afn.__version__", "afn.command", "afn.common", "afn.study"),
        "afn.training.job.devices",
    },
    "afn/normalization": {
        *("afn.normalization", "afn.common.errors", "torch", "numpy", "annotated_types", "triton"),
    },
    "afn/backbones": {"afn.backbones", "torch", "torchvision", "annotated_types"},
    "afn/tasks": {
        "afn.tasks",
        "afn.common",
        "afn.study.parts.catalogue",
        "annotated_types",
        "numpy",
        "scipy",
        "PIL",
        "sklearn",
        "torchvision",
    },
    "afn/training": {
        *(
            "afn.training",
            "afn.common",
            "afn.tasks.data.reader",
            "afn.tasks.data.division",
            "afn.backbones",
            "afn.normalization",
        ),
        *("torch", "torchvision", "numpy", "annotated_types"),
    },
    "afn/search": {
        *("afn.search", "afn.study", "afn.common", "optuna", "sqlalchemy", "numpy", "scipy"),
        "torch",
    },
    "analysis": {
        "afn.__version__",
        *(
            "analysis",
            "afn.study",
            "afn.common",
            "pandas",
            "numpy",
            "scipy",
            "statsmodels",
            "matplotlib",
        ),
        *("jinja2", "markupsafe", "pyarrow", "yaml", "optuna"),
    },
}
"""Room -> what it may import, beside the standard library."""


def _imports(file: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute"
            names.add(node.module)
            if node.module == "afn":
                names.remove("afn")
                names |= {f"afn.{alias.name}" for alias in node.names}
    return names


def _is_standard(name: str) -> bool:
    import sys

    return name.partition(".")[0] in sys.stdlib_module_names


@pytest.mark.parametrize("room", STANDARD)
def test_a_room_imports_only_what_it_may(room):
    allowed = STANDARD[room]
    for file in (ROOT / room).rglob("*.py"):
        for name in _imports(file):
            inside = any(name == a or name.startswith(a + ".") for a in allowed)
            assert inside or _is_standard(name), f"{file.relative_to(ROOT)} imports {name}"


def test_the_analysis_asks_optuna_for_importance_only():
    users = [f.name for f in (ROOT / "analysis").rglob("*.py") if "optuna" in _imports(f)]
    assert users == ["importance.py"]


def test_nothing_imports_the_workflow():
    for room in ("afn", "analysis"):
        for file in (ROOT / room).rglob("*.py"):
            names = _imports(file)
            assert not any(n.startswith(("workflow", "snakemake")) for n in names), file


@pytest.mark.about("requirements.lock", "workflow/envs")
def test_the_conda_environment_is_derived_from_the_lock():
    generate = script("workflow/envs/generate.py")
    lock = generate.LOCK.read_text()
    assert generate.CONDA.read_text() == generate.conda_environment(lock), "run: make lock"
    pins = [line for line in lock.splitlines() if line and not line.startswith("#")]
    assert all("==" in pin for pin in pins)


@pytest.mark.about("requirements.lock", "pyproject.toml")
def test_the_lock_holds_every_dependency():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    extras = project["project"]["optional-dependencies"]
    wanted = [*project["project"]["dependencies"], *extras["study"], *extras["report"]]
    wanted += [name for group in ("test", "lint") for name in groups[group]]
    wanted.remove("setuptools>=77")  # comes with PyTorch, and pip freeze leaves it out
    pinned = {
        re.split("[=; ]", line)[0].lower().replace("_", "-")
        for line in (ROOT / "requirements.lock").read_text().splitlines()
    }
    missing = {re.split("[<>=; ]", name)[0] for name in wanted} - pinned
    assert not missing


def pins_with_hashes(name: str) -> set[str]:
    lines = (ROOT / name).read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+ --hash=sha256:[0-9a-f]{64}", pin) for pin in pins)
    return {pin.partition(" ")[0] for pin in pins}


@pytest.mark.about("requirements-docs.lock", "requirements-crate.lock", "requirements.lock")
@pytest.mark.parametrize("group", ["docs", "crate"])
def test_tools_that_are_apart_have_a_lock_of_their_own_with_hashes(group):
    import tomllib

    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"][group]
    pins = pins_with_hashes(f"requirements-{group}.lock")
    apart = {pin.partition("==")[0].lower() for pin in pins}
    assert {name.partition(">")[0] for name in wanted} < apart
    usual = (ROOT / "requirements.lock").read_text().lower()
    assert not [name for name in apart if f"\n{name}==" in usual]


@pytest.mark.about("requirements-slurm.lock", "requirements.lock")
def test_the_plugin_for_slurm_has_a_lock_of_its_own_with_hashes():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    versions = pins_with_hashes("requirements-slurm.lock")
    assert set(project["optional-dependencies"]["slurm"]) < versions
    # In the environment itself it would make every start of Snakemake look for a controller.
    usual = (ROOT / "requirements.lock").read_text().splitlines()
    assert not [line for line in usual if line.startswith("snakemake-executor-plugin-slurm")]


@pytest.mark.about("README.md", "Makefile")
def test_the_readme_names_only_targets_that_exist():
    readme = (ROOT / "README.md").read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^    |`)make ([a-z]+(?:-[a-z]+)*)", readme, re.MULTILINE))
    assert named
    assert named <= targets, f"make {named - targets} is no target"


@pytest.mark.about("README.md", "docs/statistics.md")
def test_the_readme_quotes_the_calibration_as_printed():
    quoted = re.findall(r"0\.\d{4} \+- 0\.\d{4}", (ROOT / "README.md").read_text())
    printed = (ROOT / "docs/statistics.md").read_text()
    assert len(quoted) == 11
    assert all(number in printed for number in quoted)


@pytest.mark.about("Makefile")
def test_make_help_lists_every_target():
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    rules = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    listed = re.findall(r"^  make (\S+)  ?\s*\S", done.stdout, re.MULTILINE)
    assert listed == rules, "Makefile: a target has no ## text, or the pattern of help misses it"
    assert {"report", "test", "test-long", "fuzz", "status"} <= set(listed)
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]
    assert sorted(phony.split()) == sorted(rules), "Makefile: .PHONY names all targets"


@pytest.mark.about("Makefile")
def test_clean_keeps_results_unless_told(tmp_path):
    for name in ("Makefile", "requirements.lock"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    kept = [tmp_path / "results/a.json", tmp_path / "reports/a/index.html"]
    always = [tmp_path / "reports/README.md", tmp_path / "reports/sample/index.html"]
    for room in ("afn", "analysis", "benchmarks", "tests", "workflow"):
        (tmp_path / room).mkdir()
    for file in (*kept, *always):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")
    subprocess.run(["make", "clean"], cwd=tmp_path, check=True, capture_output=True)
    assert all(file.exists() for file in (*kept, *always))
    subprocess.run(["make", "clean", "CONFIRM=1"], cwd=tmp_path, check=True, capture_output=True)
    assert not any(file.exists() for file in kept)
    assert all(file.exists() for file in always)


def test_no_tracked_file_names_a_path_of_one_machine():
    pattern = "|".join("/" + name + "/" for name in ("work", "farm", "root", "home"))
    command = ["git", "grep", "-lE", pattern, "--", ".", ":!.gitignore", ":!tests/test_project.py"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode > 1:
        needs.skip("git", "not a git checkout")
    assert done.stdout == "", f"to edit: {done.stdout}"


def test_the_linter_sees_every_python_file():
    """A folder that is left out by its name (``results``) takes the rooms of that name with it."""
    ruff = [sys.executable, "-m", "ruff", "check", "--show-files", "."]
    seen = subprocess.run(ruff, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    rooms = ("afn", "analysis", "benchmarks", "tests", "workflow")
    own = {str(path) for room in rooms for path in (ROOT / room).rglob("*.py")}
    made = str(ROOT / "afn/command/shipped")
    assert {path for path in own if not path.startswith(made)} <= set(seen.splitlines())


def test_no_file_and_no_folder_outgrows_a_head():
    for room in ("afn", "analysis", "workflow"):
        for file in (ROOT / room).rglob("*.py"):
            lines = len(file.read_text(encoding="utf-8").splitlines())
            assert lines <= 330, f"{file.relative_to(ROOT)} has {lines} lines"
        folders = [ROOT / room, *(path for path in (ROOT / room).rglob("*") if path.is_dir())]
        for folder in folders:
            number = len(list(folder.glob("*.py")))
            assert number <= 13, f"{folder.relative_to(ROOT)} has {number} modules"


TWICE = {
    # The code of every run has the one, and a new name would be another fingerprint.
    *("Algorithm", "Cell", "Inputs", "Optimizer", "Scores"),
    # The plan of a study file, and that of a table of scores, which users import.
    "Plan",
}


def test_a_name_of_a_class_means_one_thing():
    places = Counter(
        node.name
        for room in ("afn", "analysis")
        for file in (ROOT / room).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    )
    assert {name for name, number in places.items() if number > 1} == TWICE


LONG = {
    # Of the code of every run; one formula after the other, without a seam.
    ("afn/normalization/heads/numpy_head.py", "backward"),
    ("afn/normalization/kernels/triton_fusion.py", "slopes"),
}
MANY = {
    # The options of a layer, each a name that a study file knows.
    ("afn/normalization/bases/fusion.py", "_build"),
    ("afn/normalization/methods/afn.py", "__init__"),
    ("afn/normalization/methods/afn_released.py", "__init__"),
    ("afn/normalization/methods/asr.py", "__init__"),
}
KERNELS = "afn/normalization/kernels/triton_"
"""A kernel is given every array, stride and size as an argument of its own."""


def _functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    for room in ("afn", "analysis"):
        for file in sorted((ROOT / room).rglob("*.py")):
            name = str(file.relative_to(ROOT))
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef):
                    yield name, node


def test_a_function_fits_a_screen_and_its_arguments_a_head():
    """At most 60 lines beside the docstring, and nine parameters."""
    long, many = set(), set()
    for file, node in _functions():
        told = node.body[0].end_lineno - node.body[0].lineno + 1 if ast.get_docstring(node) else 0
        if node.end_lineno - node.lineno + 1 - told > 60:
            long.add((file, node.name))
        given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        if sum(a.arg not in ("self", "cls") for a in given) > 9 and not file.startswith(KERNELS):
            many.add((file, node.name))
    assert long == LONG
    assert many == MANY


CALLED_BY_NAME = {
    # `check(kind)` looks them up by the kind; HTMLParser calls its handlers.
    *(("afn/checks/", "check_"), ("analysis/across/index.py", "handle_")),
    # Interfaces that somebody's own code is read against.
    *(("afn/checks/interfaces.py", ""), ("analysis/added.py", "Makes")),
}


def test_what_no_code_names_is_not_there():
    """A function or class that only tests call gets a command, or goes."""
    sources = [
        file.read_text(encoding="utf-8")
        for room in ("afn", "analysis", "workflow", "benchmarks")
        for file in sorted((ROOT / room).rglob("*"))
        if file.suffix in (".py", ".smk", ".j2", ".c")
    ]
    sources += [(ROOT / name).read_text(encoding="utf-8") for name in ("Snakefile", "Makefile")]
    named = Counter(word for text in sources for word in re.findall(r"\w+", text))
    unnamed = [
        f"{file.relative_to(ROOT)}: {node.name}"
        for room in ("afn", "analysis")
        for file in sorted((ROOT / room).rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        # Who decorates a function calls it: pydantic its validators.
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.decorator_list
        if named[node.name] == 1 and not node.name.startswith("__")
        if not any(
            str(file.relative_to(ROOT)).startswith(place) and node.name.startswith(start)
            for place, start in CALLED_BY_NAME
        )
    ]
    assert not unnamed


@pytest.mark.parametrize("name", ["study", "where", "data", "venv"])
def test_a_variable_of_make_in_lower_case_is_told(name):
    command = ["make", "-n", "status", f"{name}=x"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"variables are in upper case, {name.upper()}=x" in done.stderr
    usual = subprocess.run(command[:3], cwd=ROOT, capture_output=True, text=True, check=False)
    assert usual.returncode == 0


@pytest.mark.about("Makefile")
@pytest.mark.parametrize("given", ['norm == "afn" and seed == 3', "norm == 'a$b'", "a  b`c`;d|e"])
def test_what_a_user_gives_make_reaches_the_command_as_it_is(given):
    command = ["make", "-n", "rerun", f"WHERE={given}", f"STUDY={given}.yaml", f"DATA={given}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    words = shlex.split(done.stdout.strip().splitlines()[-1])
    options = dict(itertools.pairwise(words))
    assert options["--where"] == options["--data"] == given
    assert options["--study"] == f"{given}.yaml"
