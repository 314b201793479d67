"""A wheel of this tree, and environments that know nothing of the checkout.

An environment gets its packages by links to those that are installed here, so that gigabytes are
not installed again: only the named ones with all that they need (`Environment.limited`), or all of
them (`Environment.whole`). What is not linked cannot be imported there.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(sysconfig.get_path("purelib"))
PARTS = ("afn", "analysis", "profiles", "studies", "workflow", "tests", "docs", "benchmarks")
FILES = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "Snakefile")
FILES += ("config.yaml", "Makefile", "CHANGELOG.md", "requirements.lock")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.so", "*.egg-info", "shipped")
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]


def tree(folder: Path) -> Path:
    """A copy of what is built from, so that building leaves nothing in the checkout."""
    for name in PARTS:
        shutil.copytree(ROOT / name, folder / name, ignore=LEFT_OUT)
    for name in FILES:
        shutil.copy2(ROOT / name, folder / name)
    return folder


def build(source: Path, target: Path, **environment: str) -> Path:
    """Build the wheel of a tree; returns its path."""
    command = [*PIP, "wheel", str(source), "-q", "--no-deps", "--no-build-isolation"]
    run([*command, "-w", str(target)], env=clean(**environment))
    return next(target.glob("*.whl"))


def clean(**more: str) -> dict[str, str]:
    """The variables of this process without those by which Python finds the checkout."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PYTEST", "MAKE"))}
    return {**kept, **more}


def run(command: list[str], **options: object) -> subprocess.CompletedProcess:
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode:
        raise AssertionError(f"{command}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}")
    return done


class Environment:
    """A virtual environment with the wheel; its folder has no checkout above it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        run([sys.executable, "-m", "venv", "--without-pip", str(folder)])
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        self.site = folder / "lib" / version / "site-packages"
        self.python = folder / "bin" / "python"

    def limited(self, *names: str) -> Environment:
        """Link some distributions and all that they require."""
        linked = self.folder / "linked"
        linked.mkdir()
        for distribution in required(*names).values():
            for top in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
                # An editable installation, and what runs code at every start, stay away.
                if not top.endswith(".pth") and not (linked / top).exists():
                    (linked / top).symlink_to(HERE / top)
        (self.site / "linked.pth").write_text(f"{linked}\n")
        return self

    def whole(self) -> Environment:
        """Make every package importable that is installed here, but this project."""
        linked = self.folder / "linked"
        linked.mkdir()
        for path in HERE.iterdir():
            if not re.match(r"__editable__|afn[_-]|__pycache__|.*\.pth$", path.name):
                (linked / path.name).symlink_to(path)
        (self.site / "linked.pth").write_text(f"{linked}\n")
        return self

    def install(self, wheel: Path) -> Environment:
        """Install the wheel from nothing but what is there: a lacking dependency is an error."""
        command = [*PIP, "--python", str(self.python), "install", "-q", "--no-index", str(wheel)]
        run(command, env=clean())
        return self

    def run(self, *command: str, cwd: Path, check: bool = True) -> subprocess.CompletedProcess:
        """Run a command of the environment; no compiler is on its path."""
        path = os.pathsep.join([str(self.folder / "bin"), str(no_compiler(self.folder))])
        words = [str(self.folder / "bin" / command[0]), *command[1:]]
        options = {"cwd": cwd, "env": clean(PATH=path, OMP_NUM_THREADS="1")}
        if check:
            return run(words, **options)
        return subprocess.run(words, capture_output=True, text=True, check=False, **options)


def no_compiler(folder: Path) -> Path:
    """A folder with the programs of a shell that jobs need, and no compiler among them."""
    tools = folder / "tools"
    if not tools.is_dir():
        tools.mkdir()
        for name in ("bash", "sh", "cp", "mkdir", "dirname", "cat", "rm", "env", "uname"):
            found = shutil.which(name)
            if found:
                (tools / name).symlink_to(found)
    return tools


def required(*names: str) -> dict[str, importlib.metadata.Distribution]:
    """Distributions by name, with all that they require here."""
    found: dict[str, importlib.metadata.Distribution] = {}
    waiting = list(names)
    while waiting:
        name = normalized(waiting.pop())
        if name in found:
            continue
        try:
            found[name] = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # for another system or another version of Python
        for text in found[name].requires or []:
            if "extra ==" not in text:
                waiting.append(re.split(r"[ ;<>=!~\[(]", text)[0])
    if "torch" in found:
        # Behind the extras of packages that belong to PyTorch's build for CUDA.
        for one in importlib.metadata.distributions():
            if normalized(one.name).startswith(("nvidia-", "cuda-")):
                found[normalized(one.name)] = one
    return found


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
