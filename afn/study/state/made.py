"""Are the tables, the decisions and the page of a study made from what lies there now?

In: a `Study` and its folders. Out: a list of findings, empty where each file is what was written
and names the present hashes of its inputs. Reads files only, standard library only: the table of
results is known by its hash in what was made from it. Called by ``python -m afn.study verify``, by
the driver behind ``make report`` once Snakemake has ended, and by the steps that write the files.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from afn.common.canonical import is_sealed
from afn.common.errors import StudyError
from afn.common.files import sha256_of
from afn.common.made_from import digest, healing, read_document
from afn.study.layout import PREPARED, Layout
from afn.study.waves.asked import FOLDER as LOOKS
from afn.study.waves.asked import LOOK, asked, asked_by, look_file, read_look

RUNS = "runs"
"""The input that is not one file: the results of all runs."""
DOCUMENTS = {
    "decisions.json": "decisions",
    "ablations.json": "ablations",
    "search.json": "searches",
}
"""File beside the results -> the name of what it holds."""
TABLES = ("results.parquet", "correct.npz", "history.parquet", "membership.csv")
LISTS = ("figures/index.json", "tables/index.json")
"""Beside the page: the last file that the figures, and the tables, leave."""
_META = re.compile(r'<meta name="afn-(content|made-from)" content="([^"]*)">')


def runs_digest(study: Any, runs: Path | str) -> str:
    """One hash of the results of all runs that a study has asked for."""
    wanted = asked(study, Path(runs).parent)
    names = [f"{path}/seed{seed}/result.json" for path, own in wanted.items() for seed in own]
    return digest(runs, names)


def with_content(page: str) -> str:
    """A page with the hash of everything else in it, where it has the place for that."""
    return _META.sub(lambda m: _filled(m, _content(page)), page, count=0)


def _filled(match: re.Match, content: str) -> str:
    return f'<meta name="afn-content" content="{content}">' if match[1] == "content" else match[0]


def _content(page: str) -> str:
    empty = _META.sub(lambda m: _filled(m, ""), page)
    return hashlib.sha256(empty.encode()).hexdigest()


def lacking(study: Any) -> list[str]:
    """The files of a finished study that are not there."""
    layout = Layout(study.name)
    results = [layout.results / name for name in ("study.json", *TABLES, *DOCUMENTS)]
    reports = [layout.reports / name for name in (*LISTS, "index.html")]
    return [f"missing: {path}" for path in (*results, *reports) if not path.is_file()]


def made_findings(study: Any) -> list[str]:
    """What is wrong with the files between runs and page, and with the page, of those there are."""
    layout = Layout(study.name)
    findings = []
    for name, held in DOCUMENTS.items():
        path = layout.results / name
        if not path.is_file():
            continue
        try:
            made_from = read_document(path, held)["made_from"]
        except StudyError as error:
            findings.append(f"changed: {error}")
            continue
        findings += [f"stale: {path}: {why}" for why in _older(study, made_from)]
    findings += list(_look_findings(study, layout))
    findings += [line for name in LISTS for line in _unlisted(layout.reports / name)]
    return findings + _page_findings(study, layout.reports / "index.html")


def _look_findings(study: Any, layout: Layout) -> Iterator[str]:
    """What is wrong with the looks of a study in waves, of those there are."""
    before: list[dict[str, Any]] = []
    for wave in range(1, len(study.looks) + 1):
        path = look_file(layout.results, wave)
        if not path.is_file():
            return
        try:
            look = read_look(path)
            made_from = read_document(path, LOOK)["made_from"]
        except StudyError as error:
            yield f"changed: {error}"
            return
        wanted = asked_by(study, before)
        names = [
            f"{cell}/seed{seed}/result.json"
            for cell in look["read"]
            for seed in wanted.get(cell, ())
        ]
        if made_from[RUNS] != digest(layout.runs, names):
            yield f"stale: {path}: made from other results of runs than those there are"
        for name in made_from.keys() - {RUNS}:
            other = path.with_name(name) if name != "study.json" else layout.results / name
            if not other.is_file() or made_from[name] != sha256_of(other):
                yield f"stale: {path}: older than {other}, or made from another one"
        before.append(look)
        if not look["next"]:
            return


def prepared_findings(study: Any) -> list[str]:
    """What is wrong with the prepared data of a study, of those there are."""
    findings = []
    for task in dict.fromkeys(cell.task for cell in study.cells()):
        manifest = PREPARED / task / "manifest.json"
        if not manifest.is_file():
            continue
        try:
            content = json.loads(manifest.read_bytes())
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


def _unlisted(index: Path) -> Iterator[str]:
    """Files that a list of figures or tables names, and that are not there."""
    try:
        made = json.loads(index.read_text(encoding="utf-8"))["made"]
        named = [index.parent / name for entry in made for name in entry["files"].values()]
    except FileNotFoundError:
        return
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        yield f"unreadable: {index}: {error}; {healing(index)}"
        return
    for path in named:
        if not path.is_file():
            yield f"missing: {path}: named by {index}; {healing(index)}"


def _page_findings(study: Any, page: Path) -> list[str]:
    try:
        text = page.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        return [f"unreadable: {page}: {error}"]
    carried = {name: html.unescape(value) for name, value in _META.findall(text)}
    if carried.keys() != {"content", "made-from"}:
        return [f"stale: {page}: does not say what it was made from"]
    if carried["content"] != _content(text):
        return [f"changed: {page}: was changed after it was written"]
    older = _older(study, json.loads(carried["made-from"]))
    return [f"stale: {page}: {why}" for why in older]


def _older(study: Any, made_from: dict[str, str]) -> Iterator[str]:
    """Which inputs are not what a file was made from."""
    layout = Layout(study.name)
    for name, was in made_from.items():
        if name == RUNS:
            if was != runs_digest(study, layout.runs):
                yield "made from other results of runs than those there are"
            continue
        if name == "search":
            continue  # the searches are verified by their own files
        of_report = "/" in name and not name.startswith(f"{LOOKS}/")
        path = (layout.reports if of_report else layout.results) / name
        if not path.is_file():
            yield f"{path}, from which it was made, is not there"
        elif was != sha256_of(path):
            yield f"older than {path}, or made from another one"
