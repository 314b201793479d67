"""The wheel in environments of its own, with no checkout near: for the layers, and for a study."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile

import pytest

from tests.packaging.places import ROOT, Environment, build, clean, run, tree

pytestmark = [pytest.mark.long, pytest.mark.about("pyproject.toml", "setup.py", "MANIFEST.in")]
LAYERS = """
import copy

import torch
from afn import AFN2d, convert, fold
from afn.normalization.kernels import native

model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.ReLU())
x = torch.randn(4, 3, 9, 9)
model(x)
folded = fold(copy.deepcopy(model).eval())
assert torch.allclose(model.eval()(x), folded(x), atol=1e-5)
other = convert(model, to="afn")
assert isinstance(other[1], AFN2d) and other(x).shape == (4, 8, 7, 7)
other.train()(x).sum().backward()
print("kernels" if native.KERNELS else "no kernels")
"""
ABSENT = ("snakemake", "pydantic", "yaml", "pandas", "matplotlib", "optuna", "sklearn", "scipy")
ABSENT += ("statsmodels", "torchvision", "PIL", "pyarrow", "sqlalchemy")
TINY = """
study: mine
question: Does the machinery work outside?
seeds: 2
base: {task: digits8x8, backbone: convnet_small, norm: afn, recipe: {epochs: 1}}
experiments: {norms: {factors: {norm: [batch, afn]}, contrasts: [[afn, batch]]}}
plan: {outcomes: [clean], primary: [norms], strict: false}
"""


@pytest.fixture
def core(tmp_path, wheel):
    """The core alone: pip finds torch, NumPy and annotated-types, and nothing is downloaded."""
    named = ("torch", "numpy", "annotated-types")
    return Environment(tmp_path / "core").limited(*named).install(wheel)


def test_the_core_installs_and_works_without_snakemake_and_without_a_compiler(core, tmp_path):
    absent = "; ".join(f"assert importlib.util.find_spec({name!r}) is None" for name in ABSENT)
    core.run("python", "-c", f"import importlib.util; {absent}", cwd=tmp_path)
    assert core.run("python", "-c", LAYERS, cwd=tmp_path).stdout == "kernels\n"
    where = "import afn; print(afn.__file__)"
    assert str(core.site) in core.run("python", "-c", where, cwd=tmp_path).stdout
    assert core.run("afn-study", "--version", cwd=tmp_path).stdout.startswith("afn-study ")
    done = core.run("afn-study", "plan", cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert "pip install 'afn-study[all]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_init_and_report_need_no_checkout(wheel, tmp_path):
    outside = Environment(tmp_path / "outside").whole().install(wheel)
    outside.run("afn-study", "init", "x", cwd=tmp_path)
    folder = tmp_path / "x"
    assert outside.run("afn-study", "plan", cwd=folder).stdout.startswith("A first study")
    (folder / "config.yaml").write_text(TINY)
    done = outside.run("afn-study", "report", cwd=folder)
    page = folder / done.stdout.strip().splitlines()[-1]
    assert page == folder / "reports/mine/index.html"
    assert "Does the machinery work outside?" in page.read_text()
    assert "4 of 4 results are whole" in outside.run("afn-study", "verify", cwd=folder).stdout
    assert "4/4 runs" in outside.run("afn-study", "status", cwd=folder).stdout
    again = outside.run("python", "-m", "snakemake", "-n", cwd=folder)
    assert "Nothing to be done" in again.stdout + again.stderr, "so it is for Snakemake alone"
    assert str(ROOT) not in page.read_text()


def test_the_wheel_holds_what_is_used_and_nothing_else(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path)
    other = [n for n in names if not n.endswith(".py") and ".dist-info/" not in n]
    unused = [n for n in other if re.search(r"README\.md$|\.pyc$|tests/|docs/", n)]
    assert unused == ["afn/command/templates/study/README.md"]
    assert {"afn/py.typed", "analysis/py.typed"} <= set(other)
    assert "afn/command/shipped/workflow/rules/train.smk" in other
    kernels = next(tmp_path.glob("afn/normalization/kernels/*.so"))
    assert b".debug_info" not in kernels.read_bytes()
    metadata = next(tmp_path.glob("*.dist-info/METADATA")).read_text()
    assert "Project-URL: " in metadata
    assert "Classifier: Typing :: Typed" in metadata


def test_the_source_distribution_has_its_tests_and_builds_without_a_compiler(tmp_path):
    source = tree(tmp_path / "tree")
    command = [sys.executable, "setup.py", "-q", "sdist", "-d", str(tmp_path / "dist")]
    run(command, cwd=source, env=clean())
    packed = next((tmp_path / "dist").glob("*.tar.gz"))
    with tarfile.open(packed) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
        archive.extractall(tmp_path / "unpacked", filter="data")
    wanted = subprocess.run(
        ["git", "ls-files", "tests", "workflow", "afn", "analysis"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split()
    assert "tests/packaging/test_wheel.py" in names
    assert set(wanted) <= set(names)
    assert not [name for name in names if name.endswith((".so", ".pyc"))]
    unpacked = next((tmp_path / "unpacked").iterdir())
    wheel = build(unpacked, tmp_path / "wheels", CC="no-such-compiler", CXX="no-such-compiler")
    with zipfile.ZipFile(wheel) as archive:
        assert not [name for name in archive.namelist() if name.endswith(".so")]
        assert "afn/normalization/heads/numpy_head.py" in archive.namelist()
