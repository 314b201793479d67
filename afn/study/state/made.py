"""Are the tables, the decisions and the page of a study made from what lies there now?

In: a `Study` and its folders. Out: a list of findings, empty where each file is what was written
and names the present hashes of its inputs. Reads files only, standard library only: the table of
results is known by its hash in what was made from it. Called by ``python -m afn.study verify``, by
the driver behind ``make report`` once Snakemake has ended, and by the steps that write the files.
"""

from __future__ import annotations

import csv
import functools
import hashlib
import html
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from afn.common import parsing
from afn.common.canonical import is_sealed
from afn.common.errors import StudyError
from afn.common.files import sha256_of
from afn.common.gate import signature
from afn.common.made_from import digest, healing, read_document
from afn.study.grid.cells import Study
from afn.study.layout import PREPARED, StudyFolders
from afn.study.state.looked import look_findings
from afn.study.waves.asked import FOLDER as LOOKS
from afn.study.waves.asked import asked

RUNS = "runs"
"""The input that is not one file: the results of all runs."""
SEARCH = "search"
"""The input that is what all searches chose."""
DOCUMENTS = {
    "decisions.json": "decisions",
    "ablations.json": "ablations",
    "search.json": "searches",
}
"""File beside the results -> the name of what it holds."""
TABLES = ("results.parquet", "correct.npz", "history.parquet", "membership.csv")
LISTS = ("figures/index.json", "tables/index.json")
"""Beside the page: the last file that the figures, and the tables, leave."""
ASKED = ("paper/index.json",)
"""The same of what is made only where it is asked for."""
_META = re.compile(r'<meta name="afn-(content|made-from|signature)" content="([^"]*)">')


def runs_digest(study: Study, runs: Path | str) -> str:
    """One hash of the results of all runs that a study has asked for."""
    wanted = asked(study, Path(runs).parent)
    names = [f"{path}/seed{seed}/result.json" for path, own in wanted.items() for seed in own]
    return digest(runs, names)


def with_content(page: str) -> str:
    """A page with the hash of everything else in it, and its signature, in the places for them."""
    content = _content(page)
    filled = {"content": content, "signature": signature.signature(content)}
    return _META.sub(lambda m: _filled(m, filled), page)


def _filled(match: re.Match[str], values: dict[str, str]) -> str:
    name = match[1]
    return f'<meta name="afn-{name}" content="{values[name]}">' if name in values else match[0]


def _content(page: str) -> str:
    empty = _META.sub(lambda m: _filled(m, {"content": "", "signature": ""}), page)
    return hashlib.sha256(empty.encode()).hexdigest()


def lacking(study: Study) -> list[str]:
    """The files of a finished study that are not there."""
    layout = StudyFolders(study.name)
    results = [layout.results / name for name in ("study.json", *TABLES, *DOCUMENTS)]
    reports = [layout.reports / name for name in (*LISTS, "index.html")]
    return [f"missing: {path}" for path in (*results, *reports) if not path.is_file()]


def made_findings(study: Study) -> list[str]:
    """What is wrong with the files between runs and page, and with the page, of those there are."""
    layout, now = StudyFolders(study.name), _Now(study)
    findings = [*_study_findings(study, layout), *_membership_findings(study, layout)]
    for name, held in DOCUMENTS.items():
        path = layout.results / name
        if not path.is_file():
            continue
        try:
            made_from = read_document(path, held)["made_from"]
        except StudyError as error:
            findings.append(f"changed: {error}")
            continue
        findings += [f"stale: {path}: {why}" for why in now.older(made_from)]
    findings += look_findings(study, layout)
    findings += [
        line for name in (*LISTS, *ASKED) for line in _list_findings(now, layout.reports / name)
    ]
    return findings + _page_findings(now, layout.reports / "index.html")


def _study_findings(study: Study, layout: StudyFolders) -> Iterator[str]:
    """The resolved study, from which every step reads its plan, is not that of the study file."""
    path = layout.results / "study.json"
    try:
        if path.read_text(encoding="utf-8").strip() != study.to_json():
            yield f"changed: {path}: is not the study of the study file; {healing(path)}"
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        yield f"unreadable: {path}: {error}; {healing(path)}"


def _membership_findings(study: Study, layout: StudyFolders) -> Iterator[str]:
    path = layout.results / "membership.csv"
    wanted = [
        [name, cell.task, cell.backbone, cell.norm, cell.recipe]
        for name, experiment in study.experiments.items()
        for cell in experiment.cells
    ]
    try:
        with path.open(newline="", encoding="utf-8") as file:
            if list(csv.reader(file))[1:] != wanted:
                yield f"changed: {path}: does not name the cells of the study; {healing(path)}"
    except FileNotFoundError:
        return
    except (OSError, ValueError, csv.Error) as error:
        yield f"unreadable: {path}: {error}; {healing(path)}"


def prepared_findings(study: Study) -> list[str]:
    """What is wrong with the prepared data of a study, of those there are."""
    findings = []
    for task in dict.fromkeys(cell.task for cell in study.cells()):
        manifest = PREPARED / task / "manifest.json"
        if not manifest.is_file():
            continue
        try:
            content = parsing.load(manifest)
            arrays = {entry["file"]: entry["sha256"] for entry in content["arrays"].values()}
            whole = is_sealed(content)
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            findings.append(f"unreadable: {manifest}: {error}")
            continue
        wrong = [] if whole else [f"changed: {manifest}: was changed after it was written"]
        for name, digest_of_array in arrays.items():
            path = manifest.parent / name
            if not path.is_file():
                wrong.append(f"missing: {path}: named by {manifest}")
            elif sha256_of(path) != digest_of_array:
                wrong.append(f"changed: {path}: its sha256 differs")
        findings += [f"{line}; {healing(manifest)}" for line in wrong]
    return findings


def _list_findings(now: _Now, index: Path) -> Iterator[str]:
    """What is wrong with a list of figures or tables, and with the files that it names."""
    try:
        content = parsing.load(index)
        named, made_from = dict(content["sha256"]), dict(content["made_from"])
        reason = signature.fault(
            {key: value for key, value in content.items() if key != signature.NAME},
            content.get(signature.NAME),
        )
    except FileNotFoundError:
        return
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        yield f"unreadable: {index}: {error}; {healing(index)}"
        return
    if reason:
        yield f"changed: {index}: was not written by this study: {reason}; {healing(index)}"
    for name, digest_of_file in named.items():
        path = Path(os.path.normpath(index.parent / name))
        if not path.is_file():
            yield f"missing: {path}: named by {index}; {healing(index)}"
        elif sha256_of(path) != digest_of_file:
            yield f"changed: {path}: is not what {index} names; {healing(index)}"
    for why in now.older(made_from):
        yield f"stale: {index}: {why}"


def _page_findings(now: _Now, page: Path) -> list[str]:
    try:
        text = page.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        return [f"unreadable: {page}: {error}"]
    carried = {name: html.unescape(value) for name, value in _META.findall(text)}
    if carried.keys() != {"content", "made-from", "signature"}:
        return [f"stale: {page}: does not say what it was made from"]
    if carried["content"] != _content(text):
        return [f"changed: {page}: was changed after it was written"]
    if reason := signature.fault(carried["content"], carried["signature"]):
        return [f"changed: {page}: was not written by this study: {reason}"]
    older = now.older(json.loads(carried["made-from"]))
    return [f"stale: {page}: {why}" for why in older]


class _Now:
    """What lies there now; the results of all runs are hashed once for all files made from them."""

    def __init__(self, study: Study) -> None:
        self._study, self._layout = study, StudyFolders(study.name)

    @functools.cached_property
    def _runs(self) -> str:
        try:
            return runs_digest(self._study, self._layout.runs)
        except StudyError:
            # A damaged look is a finding of its own; what was made from its runs is not of those.
            return ""

    @functools.cached_property
    def _searches(self) -> str:
        files = [f"{group.path}/chosen.json" for group in self._study.searches()]
        return digest(self._layout.results / "search", files)

    def older(self, made_from: dict[str, str]) -> Iterator[str]:
        """Which inputs are not what a file was made from."""
        for name, was in made_from.items():
            if name == RUNS:
                if was != self._runs:
                    yield "made from other results of runs than those there are"
                continue
            if name == SEARCH:
                if was != self._searches:
                    yield "made from other choices of the searches than those there are"
                continue
            of_report = "/" in name and not name.startswith(f"{LOOKS}/")
            path = (self._layout.reports if of_report else self._layout.results) / name
            if not path.is_file():
                yield f"{path}, from which it was made, is not there"
            elif was != sha256_of(path):
                yield f"older than {path}, or made from another one"
