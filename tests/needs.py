"""What tests need of a machine: each need is a mark, and a skipped test says which one was missing.

``@pytest.mark.browser`` skips a test where no browser is found. A test that finds out by itself
that something is missing calls `skip`. So each skip has a kind, and they are counted by kind and
reason at the end of a run. The environment variable AFN_NO_SKIPS (``gpu,browser``) names kinds that
must be there: a skip of such a kind fails. A skip without a kind always fails.
"""

from __future__ import annotations

import collections
import functools
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parents[1]
VARIABLE = "AFN_NO_SKIPS"
AXE = "AFN_AXE"
"""The environment variable that names axe.min.js of the package axe-core."""
TOOLS = {"sphinx": ROOT / ".venv/docs-tools", "rocrate": ROOT / ".venv/crate-tools"}
"""Kind -> the folder of packages that only its tests use."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def browser() -> str | None:
    """The path of a Chromium, if there is one."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def real_data() -> Path:
    """The folder of the real data sets, whether or not it is there."""
    return Path(os.environ.get("AFN_REAL_DATA") or ROOT.parent / "shared" / "data")


def _no_gpu() -> str:
    import torch

    return "" if torch.cuda.is_available() else "no CUDA device"


def _no_kernels() -> str:
    from afn.normalization.kernels import native

    return "the C kernels are not compiled here" if native.KERNELS is None else ""


def _no_latex() -> str:
    programs = ("pdflatex", "bibtex", "kpsewhich", "pdffonts", "pdftotext")
    absent = [name for name in programs if not shutil.which(name)]
    for file in () if absent else ("booktabs.sty", "ptmr8t.tfm"):
        if subprocess.run(["kpsewhich", file], capture_output=True, check=False).returncode:
            absent.append(file)
    return f"not installed: {', '.join(absent)} (TeX Live, poppler)" if absent else ""


def _no_slurm() -> str:
    from tests.cluster import study

    return study.missing()


def _no_data() -> str:
    folder = real_data()
    there = (folder / "MNIST").is_dir()
    return "" if there else f"no real data sets in {folder} (AFN_REAL_DATA names another folder)"


def _no_tool(name: str) -> str:
    return "" if TOOLS[name].is_dir() else f"not there: `make {TOOLS[name].relative_to(ROOT)}`"


def _no_axe() -> str:
    """The checker of pages for people who do not see, or have no mouse: a script, not a program."""
    there = Path(os.environ.get(AXE, "")).is_file()
    return "" if there else f"axe-core is not there ({AXE} names its axe.min.js)"


KINDS = {
    "gpu": _no_gpu,
    "kernels": _no_kernels,
    "browser": lambda: "" if browser() else "no Chromium is installed",
    "slurm": _no_slurm,
    "latex": _no_latex,
    "axe": _no_axe,
    "sphinx": lambda: _no_tool("sphinx"),
    "rocrate": lambda: _no_tool("rocrate"),
    "realdata": _no_data,
    "mount": lambda: "",  # only a test that mounts finds out
    "git": lambda: "" if (ROOT / ".git").exists() else "not a git checkout",
}
"""Kind -> why a machine does not serve it, or nothing."""


@functools.cache
def missing(kind: str) -> str:
    """Why this machine does not serve tests of a kind, or nothing."""
    return KINDS[kind]()


def skip(kind: str, reason: str) -> NoReturn:
    """Skip the test that calls this."""
    if kind not in KINDS:
        raise ValueError(f"no kind of skip: {kind}; valid: {', '.join(KINDS)}")
    pytest.skip(f"{kind}: {reason}")


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    where = report.longrepr  # path, line, text; a list where a worker sent it
    text = where[2] if isinstance(where, tuple | list) else str(where)
    return text.removeprefix("Skipped: ")


class Skips:
    """The plugin: skips by marks, fails what may not be skipped, counts what was.

    Parameters
    ----------
    never
        Kinds of which no test may be skipped.

    Raises
    ------
    pytest.UsageError
        For a name that is no kind.
    """

    def __init__(self, never: Iterable[str] = ()) -> None:
        self.never = frozenset(never)
        if unknown := sorted(self.never - KINDS.keys()):
            raise pytest.UsageError(
                f"{VARIABLE}: no kind of skip: {', '.join(unknown)}; valid: {', '.join(KINDS)}"
            )

    @classmethod
    def from_environment(cls) -> Skips:
        named = os.environ.get(VARIABLE, "").split(",")
        return cls(name.strip() for name in named if name.strip())

    def pytest_configure(self, config: pytest.Config) -> None:
        for kind in KINDS:
            config.addinivalue_line("markers", f"{kind}: skipped where the machine has none")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        for mark in item.iter_markers():
            if mark.name in KINDS and (why := missing(mark.name)):
                skip(mark.name, why)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self):
        return self._judged((yield))

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self):
        return self._judged((yield))

    def _judged(self, report):
        if not report.skipped or hasattr(report, "wasxfail"):
            return report
        kind, colon, _ = _reason(report).partition(": ")
        if not colon or kind not in KINDS:
            why = f"a skip begins with its kind, as tests.needs.skip does: {', '.join(KINDS)}"
        elif kind in self.never:
            why = f"{VARIABLE} says that no test of the kind {kind} may be skipped"
        else:
            return report
        report.outcome, report.longrepr = "failed", f"skipped ({_reason(report)}), but {why}"
        return report

    def pytest_terminal_summary(self, terminalreporter) -> None:
        reports = terminalreporter.stats.get("skipped", [])
        if not reports:
            return
        terminalreporter.section(f"skipped: {len(reports)}")
        counts = collections.Counter(map(_reason, reports))
        for reason, count in sorted(counts.items()):
            terminalreporter.line(f"{count:5}  {reason}")
