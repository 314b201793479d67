"""The layers' tests on other versions of Python and PyTorch: ``make matrix``.

In: the Pythons of this machine, and the PyTorch that the index has: the oldest that pyproject.toml
allows, the one of requirements.lock, and the newest. Out: for each pair an environment in
``build/matrix`` with the layers alone (torch, torchvision, NumPy, annotated-types, a test runner),
and a copy of the tree with the kernels compiled for it; a line for each pair that says what passed,
or why it was not run. Gigabytes are downloaded, so no other target calls this; environments are
kept, and made again when they are incomplete. The exit code is 1 where a test failed.

    python workflow/matrix.py --list                             what would be run
    python workflow/matrix.py --only 3.12:2.14.1 3.13:newest     some pairs
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "build" / "matrix"
PARTS = (
    "afn",
    "analysis",
    "benchmarks",
    "tests",
    "docs",
    "pyproject.toml",
    "setup.py",
    "README.md",
)
TESTS = ("tests/normalization", "-m", "not long and not gpu")
NEEDED = ("annotated-types", "hypothesis", "numpy", "pytest", "scipy", "setuptools>=77")
OLDEST, LOCKED, NEWEST = "oldest", "locked", "newest"
DONE = "complete"
"""A file that an environment has once everything is installed."""


@dataclass(frozen=True)
class Pair:
    """A version of Python (3.12) and one of PyTorch (2.14.1)."""

    python: str
    torch: str

    @property
    def folder(self) -> Path:
        return FOLDER / f"python{self.python}-torch{self.torch}"

    def __str__(self) -> str:
        return f"Python {self.python}, torch {self.torch}"


def pythons() -> dict[str, Path]:
    """Version -> interpreter, of those that the project supports and this machine has."""
    found = {}
    for version in supported():
        places = [Path(p) for p in [shutil.which(f"python{version}")] if p]
        pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
        places += sorted(pyenv.glob(f"{version}.*/bin/python"))
        if working := next((path for path in places if runs(path, version)), None):
            found[version] = working
    return found


def runs(python: Path, version: str) -> bool:
    """Whether an interpreter starts and is what its name says."""
    code = "import sys, venv; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip() == version


def supported() -> list[str]:
    """The versions of Python that pyproject.toml names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))


def torches(index: str) -> dict[str, str]:
    """Oldest, locked and newest version of PyTorch; the newest as ``pip index`` says."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    oldest = re.findall(r"^torch>=([\d.]+)", "\n".join(project["dependencies"]), re.MULTILINE)[0]
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = re.findall(r"^torch==([\d.]+)", lock, re.MULTILINE)[0]
    found = {OLDEST: full(oldest), LOCKED: locked}
    if newest := re.match(r"torch \(([\d.]+)\)", index):
        found[NEWEST] = newest[1]
    return found


def full(version: str) -> str:
    """A version with three numbers.

    >>> full("2.10")
    '2.10.0'
    """
    return ".".join([*version.split("."), "0", "0"][:3])


def vision(torch: str) -> str:
    """The torchvision of a PyTorch: they count together.

    >>> vision("2.14.1")
    '0.29.*'
    """
    return f"0.{int(torch.split('.')[1]) + 15}.*"


def wanted(found: dict[str, str]) -> list[Pair]:
    """The oldest PyTorch on the oldest Python, and what is locked and newest on each.

    The pair of the usual environment is left to `make test`.
    """
    versions = supported()
    pairs = [Pair(versions[0], found[OLDEST])]
    pairs += [Pair(v, found[name]) for name in (LOCKED, NEWEST) if name in found for v in versions]
    usual = Pair("{}.{}".format(*sys.version_info[:2]), found[LOCKED])
    return [pair for pair in dict.fromkeys(pairs) if pair != usual]


def chosen(words: list[str], found: dict[str, str]) -> list[Pair]:
    """Pairs from words as ``3.12:2.14.1`` and ``3.13:newest``."""
    pairs = []
    for word in words:
        python, colon, torch = word.partition(":")
        if not colon:
            sys.exit(f"error: {word!r}: a pair is PYTHON:TORCH, as 3.12:2.14.1 or 3.13:newest")
        pairs.append(Pair(python, found.get(torch, torch)))
    return pairs


def run(pair: Pair, interpreters: dict[str, Path]) -> tuple[bool | None, str]:
    """Run the tests of a pair; whether they passed (None: not run), and what is to be said."""
    if pair.python not in interpreters:
        return None, f"no Python {pair.python} on this machine"
    if why := install(pair, interpreters[pair.python]):
        return None, why
    tree, python = pair.folder / "tree", pair.folder / "bin" / "python"
    shutil.rmtree(tree, ignore_errors=True)
    for name in PARTS:
        ignore = shutil.ignore_patterns("__pycache__", "*.so", "_build", "shipped")
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, tree / name, **({"ignore": ignore} if (ROOT / name).is_dir() else {}))
    environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
    compiled = "setup.py", "-q", "build_ext", "--inplace"
    # Without a compiler NumPy takes the kernels' place; which tests that skips, the log says.
    subprocess.run([python, *compiled], cwd=tree, env=environment, capture_output=True, check=False)
    tests = [python, "-m", "pytest", "-p", "no:cacheprovider", *TESTS]
    log = pair.folder / "tests.log"
    with log.open("w", encoding="utf-8") as file:
        code = subprocess.run(tests, cwd=tree, env=environment, stdout=file, stderr=file).returncode
    counts = re.findall(r"^=*\s*(\d+ \w+.*? in [\d.]+s)", log.read_text("utf-8"), re.MULTILINE)
    return code == 0, f"{counts[-1] if counts else 'nothing was run'} ({log.relative_to(ROOT)})"


def install(pair: Pair, interpreter: Path) -> str:
    """Make the environment of a pair; why that did not go, or nothing."""
    if (pair.folder / DONE).is_file():
        return ""
    shutil.rmtree(pair.folder, ignore_errors=True)
    pair.folder.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([interpreter, "-m", "venv", pair.folder], check=True)
    command = [pair.folder / "bin" / "python", "-m", "pip", "install", "-q"]
    command += [f"torch=={pair.torch}", f"torchvision=={vision(pair.torch)}", *NEEDED]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")]
        shutil.rmtree(pair.folder, ignore_errors=True)
        return f"pip: {(errors or ['it failed without a word'])[0].removeprefix('ERROR: ')}"
    (pair.folder / DONE).touch()
    return ""


def main() -> int:
    """Run what was asked for, a line each; returns 1 where a test failed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--list", action="store_true", help="say what would be run, run nothing")
    parser.add_argument("--only", nargs="+", metavar="PYTHON:TORCH", help="run these pairs alone")
    given = parser.parse_args()
    command = [sys.executable, "-m", "pip", "index", "versions", "torch"]
    index = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found, interpreters = torches(index), pythons()
    if NEWEST not in found:
        print("the newest torch is not known: `pip index versions torch` does not say it")
    pairs = chosen(given.only, found) if given.only else wanted(found)
    failed = False
    for pair in pairs:
        if given.list:
            there = "" if pair.python in interpreters else f": no Python {pair.python} here"
            print(f"{pair}{there}")
            continue
        passed, said = run(pair, interpreters)
        failed |= passed is False
        word = {True: "passed", False: "FAILED", None: "not run"}[passed]
        print(f"{pair}: {word}: {said}", flush=True)
    if given.only and not given.list:
        left = [pair for pair in wanted(found) if pair not in pairs]
        print("\n".join(f"{pair}: not run: not asked for" for pair in left))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
