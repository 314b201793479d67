"""Whose folders are these? Two study files with one name would write over each other.

In: a study's name and file. Out: ``results/<study>/study_file.json``, which records the file when
work begins, and one message where a second file asks for the same folders. A recorded file that is
gone, or now has another name, has moved. Called by everything that starts from a study file, before
anything is written: the workflow, the driver behind ``make report``, and ``python -m afn.study``.
"""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import json
import subprocess
import sys
from pathlib import Path

from afn.common import parsing
from afn.common.errors import StudyError
from afn.common.files import write_text
from afn.study.grid.cells import Study
from afn.study.grid.reading import read_mapping
from afn.study.layout import StudyFolders
from afn.study.loading import load_study
from afn.study.waves.record import check_waves

SAMPLE = "sample"
"""The folder of reports/ that is committed."""
PREPARING = "prepare"
"""The folder of logs/ that belongs to the data of all studies."""


def load_own(path: str | Path) -> Study:
    """Load a study from a file that its folders belong to, or will belong to."""
    study = load_study(path)
    check_owner(study.name, path)
    check_waves(study, StudyFolders(study.name).results)
    return study


def check_owner(study: str, path: str | Path) -> None:
    """Refuse a study file whose name another file has, too.

    Raises
    ------
    StudyError
        Names both files.
    """
    if study == SAMPLE:
        raise StudyError(
            f"{path}: study: {SAMPLE!r} is the report that is committed (reports/{SAMPLE}); "
            "give the study another name"
        )
    layout = StudyFolders(study)
    for folder in (layout.results, layout.reports, layout.logs):
        if study == PREPARING or (folder.exists() and not folder.is_dir()):
            raise StudyError(
                f"{path}: study: {study!r}: {folder} is taken by something else; give the study "
                "another name"
            )
    owner = recorded(study)
    if owner is None or _same(owner, Path(path)) or not _is_of(owner, study):
        return
    raise StudyError(
        f"study: {study!r} is the name of two files, {owner} and {path}, which would write over "
        f"each other in results/{study} and reports/{study}; give one of them another name"
    )


def recorded(study: str) -> Path | None:
    """The file that a study's folders were made from, as it was recorded; None if none was."""
    try:
        return Path(parsing.load(_record(study))["file"])
    except (OSError, ValueError, LookupError, TypeError):
        return None


def record_owner(study: str, path: str | Path) -> None:
    """Record the file of a study when work in its folders begins."""
    file = Path(path).resolve()
    here = Path.cwd()
    # Relative where that is possible: a folder that is moved or copied stays its own.
    shown = file.relative_to(here) if file.is_relative_to(here) else file
    if recorded(study) != shown:
        write_text(_record(study), json.dumps({"file": shown.as_posix()}) + "\n")


def _record(study: str) -> Path:
    return StudyFolders(study).results / "study_file.json"


def _same(one: Path, other: Path) -> bool:
    with contextlib.suppress(OSError):
        return one.samefile(other)
    return one.resolve() == other.resolve()


def _is_of(path: Path, study: str) -> bool:
    """Whether a recorded file is there and still has the study's name; a damaged one may have."""
    if not path.is_file():
        return False
    try:
        return read_mapping(path).get("study") == study
    except StudyError:
        return True


def check_packages(*, jobs: bool = True) -> None:
    """Refuse to work where Python would import another package called ``analysis`` than ours.

    Parameters
    ----------
    jobs : bool
        Ask also the Python that jobs start in this folder; it may look elsewhere than this process,
        which has the project's folder on its path.

    Raises
    ------
    StudyError
        Says where the other one lies.
    """
    ours = Path(__file__).resolve().parents[3] / "analysis"
    found = [_imported()]
    if jobs:
        code = f"{inspect.getsource(_imported)}\nprint(_imported())"
        command = [sys.executable, "-c", f"import importlib.util\n{code}"]
        told = subprocess.run(command, capture_output=True, text=True, check=False)
        found.append(told.stdout.strip() or "nowhere")
    for place in found:
        if Path(place).resolve() != ours:
            raise StudyError(
                f"the package 'analysis' that Python would import is not that of this project but "
                f"{place}; ours is {ours}: take the other one off PYTHONPATH, or uninstall it"
            )


def _imported() -> str:
    """Where the package lies that ``import analysis`` finds."""
    found = importlib.util.find_spec("analysis")
    if found is None:
        return "nowhere"
    places = list(found.submodule_search_locations or [])
    return str(places[0] if places else found.origin)
