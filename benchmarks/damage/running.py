"""Damage a finished study in every way, and see whether it is noticed.

In: the kinds of `benchmarks.damage.kinds`. Out: one line per group, and a line for each kind that
is not noticed as it should be. Called by ``python -m benchmarks.faults --damage 100``. The study is
run once by the real command; each kind spoils a copy of what it left, then ``verify`` is asked, and
the steps that read the damaged file go on from there, in this process. A kind is

refused    a step says what is wrong and stops (exit code 2);
repaired   the trainer makes the same bits again from what is left;
named      no step needs the file, and ``verify`` names it.

A crash is any error but the one message, and a verdict is changed unnoticed where decisions differ
from the true ones and nothing was refused or named.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from afn.common.canonical import canonical_json
from afn.common.errors import StudyError
from afn.common.gate.signature import VARIABLE
from afn.common.made_from import enclosed
from afn.common.run_folder import write_result
from afn.study.code.fingerprint import run_fingerprint
from afn.study.loading import load_study
from afn.study.state.made import made_findings, prepared_findings
from afn.study.state.verify import verify
from benchmarks.damage.kinds import KINDS, Kind
from benchmarks.damage.place import RUN, STUDY, Place
from tests.workflow.project import Project

GOOD = ("refused", "repaired", "named")
WORDS = (*GOOD, "unnoticed", "changed", "crashed")
STEPS = {
    **dict.fromkeys(("result", "sealed anew", "predictions", "history"), "collect"),
    **dict.fromkeys(("prepared",), "collect"),
    "table": "decide",
    "decision": "report",
    "search": "record",
}
"""Group -> the first step that reads what is damaged."""
KEPT = ("config.yaml", "results", "reports", "data")


class Finished:
    """A study that was run by the real command, and what is true of it."""

    def __init__(self, folder: Path) -> None:
        project = Project(folder)
        project.write_study(STUDY)
        done = project.run(sys.executable, "workflow/run.py", check=False)
        if done.returncode:
            raise SystemExit(f"the study failed:\n{done.stdout}{done.stderr}")
        self.folder = folder
        with contextlib.chdir(folder):
            self.study = load_study("config.yaml")
            found = noticed(self)
            if found:
                raise SystemExit("verify finds fault with a whole study:\n" + "\n".join(found))
            self.decisions = decisions(Place(random.Random(0)))
            self.bits = bits(Place(random.Random(0)))

    def copy(self, folder: Path) -> None:
        """Everything that a study leaves."""
        folder.mkdir()
        for name in KEPT:
            source = self.folder / name
            copy = shutil.copytree if source.is_dir() else shutil.copy2
            copy(source, folder / name)


def bits(place: Place) -> tuple[str, dict[str, str]]:
    """What is equal between equal runs."""
    record = json.loads(place.result.read_text(encoding="utf-8"))
    return record["seal"], record["files"]


def decisions(place: Place) -> str:
    """The decisions that lie there, as text that can be compared."""
    document = json.loads((place.results / "decisions.json").read_text(encoding="utf-8"))
    return canonical_json(document["decisions"])


def noticed(finished: Finished) -> list[str]:
    """What ``verify`` says."""
    _, findings, _ = verify(finished.study)
    return [*findings, *prepared_findings(finished.study), *made_findings(finished.study)]


@contextlib.contextmanager
def quiet() -> Iterator[io.StringIO]:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        yield said


def analysis(*words: str) -> int:
    from analysis.__main__ import main

    with quiet():
        return main(list(words))


def collect(place: Place) -> int:
    study, runs = str(place.results / "study.json"), str(place.results / "runs")
    more = ["--data", str(place.prepared.parent), "-o", str(place.results)]
    return analysis("collect", study, "--runs", runs, *more)


def decide(place: Place) -> int:
    at = lambda name: str(place.results / name)  # noqa: E731
    words = ["--results", at("results.parquet"), "--correct", at("correct.npz")]
    words += ["-o", at("decisions.json"), "--ablations", at("ablations.json")]
    return analysis("decide", at("study.json"), *words)


def given(place: Place) -> list[str]:
    at = lambda name: str(place.results / name)  # noqa: E731
    words = [at("study.json"), "--results", at("results.parquet")]
    words += ["--decisions", at("decisions.json"), "--ablations", at("ablations.json")]
    return [*words, "--search", at("search.json")]


def report(place: Place) -> int:
    drawn = ["--figures", str(place.reports / "figures"), "--tables", str(place.reports / "tables")]
    more = ["--correct", str(place.results / "correct.npz"), *drawn]
    return analysis("report", *given(place), *more, "-o", str(place.reports / "index.html"))


def record(place: Place, study: Any) -> int:
    from afn.search.__main__ import main

    (group,) = study.searches()
    words = ["record", "--group", group.to_json(), "--folder", str(place.search), "--round", "0"]
    with quiet():
        return main([*words, "--runs", str(place.results / "search/runs")])


def go_on(place: Place, study: Any, step: str) -> bool:
    """Whether a step, or one after it, refuses what it reads; as Snakemake, which stops there."""
    if step == "record":
        return record(place, study) == 2
    steps = {"collect": collect, "decide": decide, "report": report}
    names = list(steps)
    return any(steps[name](place) == 2 for name in names[names.index(step) :])


def train(place: Place, study: Any, run: str = RUN, **more: Any) -> None:
    """The trainer, in this process."""
    from afn.training.job.job import Job, run_job

    cell = study.cell(run.rpartition("/")[0])
    job = Job(
        outputs=(place.results / "runs" / run / "result.json",),
        spec=json.loads(cell.spec()),
        study=study.name,
        fingerprint=run_fingerprint(cell),
        data=place.prepared / "manifest.json",
        store=place.results / ".store",
        ledger=place.results / ".ledger",
        **more,
    )
    with quiet():
        run_job(job)


def retrained(place: Place, finished: Finished) -> str:
    """What becomes of damage to what the trainer reads, once its outputs are gone."""
    shutil.rmtree(place.run, ignore_errors=True)
    try:
        train(place, finished.study)
    except StudyError:
        return "refused"
    return "repaired" if bits(place) == finished.bits else "changed"


def with_checkpoints(place: Place, study: Any) -> None:
    """Stop the run after its second epoch of three, and another one, too."""
    for run in (RUN, RUN.replace("seed2", "seed4")):
        shutil.rmtree(place.results / ".store" / run)
        for until in (1, 2):
            train(place, study, run, until=until)


def outcome(kind: Kind, finished: Finished, place: Place) -> str:
    """Damage the study in which this process works, and say what becomes of it."""
    if kind.group == "checkpoint":
        with_checkpoints(place, finished.study)
    kind.change(place)
    if kind.group in ("store", "checkpoint"):
        return retrained(place, finished)
    found = noticed(finished)
    step = STEPS.get(kind.group)
    if step and go_on(place, finished.study, step):
        return "refused"
    if kind.group == "prepared":
        shutil.rmtree(place.store)
        if retrained(place, finished) == "refused":
            return "refused"
    if found:
        return "named"
    return "unnoticed" if decisions(place) == finished.decisions else "changed"


def judged(kind: Kind, finished: Finished, folder: Path, seed: int) -> tuple[str, str]:
    """The outcome of one kind, and what a crash said."""
    finished.copy(folder)
    with contextlib.chdir(folder):
        try:
            place = Place(random.Random(f"{seed} {kind.group} {kind.name}"))
            return outcome(kind, finished, place), ""
        except Exception:  # whatever it is, it is what this looks for
            return "crashed", traceback.format_exc(limit=-2)
        finally:
            shutil.rmtree(folder)


def sign(finished: Finished, place: Place) -> None:
    """Make everything in a copy once more, with a key."""
    for path in (place.results / "runs").rglob("result.json"):
        bare = json.loads(path.read_text(encoding="utf-8"))
        write_result(path.parent, bare, {n: path.with_name(n).read_bytes() for n in bare["files"]})
    for path in (place.results / "search").rglob("runs/**/result.json"):
        bare = json.loads(path.read_text(encoding="utf-8"))
        write_result(path.parent, bare, {n: path.with_name(n).read_bytes() for n in bare["files"]})
    search = json.loads((place.results / "search.json").read_text(encoding="utf-8"))
    again = enclosed("searches", search["searches"], search["made_from"])
    (place.results / "search.json").write_text(json.dumps(again), encoding="utf-8")
    figures = ["--history", str(place.results / "history.parquet"), "--data"]
    figures += [str(place.prepared.parent), "-o", str(place.reports / "figures")]
    steps = [collect(place), decide(place), analysis("figures", *given(place), *figures)]
    steps += [analysis("tables", *given(place), "-o", str(place.reports)), report(place)]
    if any(steps) or noticed(finished):
        raise SystemExit("a study that was made with a key is not whole:" + str(noticed(finished)))


def apart(finished: Finished, folder: Path) -> Iterator[str]:
    """What a key adds: edits with every hash anew, noticed without it and with it."""
    yield "edits with all hashes anew           without a key   with AFN_SEAL_KEY"
    finished.copy(folder)
    place = Place(random.Random(0))
    with contextlib.chdir(folder):
        os.environ[VARIABLE] = "a secret of this benchmark"
        sign(finished, place)
        key = os.environ.pop(VARIABLE)
    for kind in (kind for kind in KINDS if kind.group == "apart"):
        copy, words = folder.with_name("apart"), []
        for secret in ("", key):
            shutil.copytree(folder, copy)
            with contextlib.chdir(copy):
                kind.change(place)
                os.environ[VARIABLE] = secret
                words.append(seen(finished, place))
                del os.environ[VARIABLE]
            shutil.rmtree(copy)
        yield f"{kind.name:36s} {words[0]:15s} {words[1]}"


def seen(finished: Finished, place: Place) -> str:
    """What becomes of an edit of a result or of the page, by itself."""
    changed = [line for line in made_findings(finished.study) if line.startswith("changed: ")]
    if any(str(place.reports / "index.html") in line for line in changed):
        return "named"
    return "refused" if collect(place) == 2 else "unnoticed"


def main(count: int, seed: int, folder: Path) -> int:
    """Run ``count`` kinds, or all that there are; returns the exit code."""
    started = time.monotonic()
    finished = Finished(folder / "whole")
    usual = [kind for kind in KINDS if kind.group != "apart"]
    kinds = usual if count >= len(usual) else random.Random(seed).sample(usual, count)
    kinds = sorted(kinds, key=usual.index)
    print(
        f"a study of 12 runs and a search, {len(kinds)} of {len(usual)} kinds of damage", flush=True
    )
    tally: dict[str, Counter] = {}
    for kind in kinds:
        word, said = judged(kind, finished, folder / "damaged", seed)
        tally.setdefault(kind.group, Counter())[word] += 1
        if word not in GOOD:
            print(f"{word}: {kind.group}: {kind.name}\n{said}", flush=True)
    print(f"{'damage to':16s}{'kinds':>6s}" + "".join(f"{word:>11s}" for word in WORDS))
    whole = sum(tally.values(), Counter())
    for group, row in {**tally, "all": whole}.items():
        print(f"{group:16s}{row.total():6d}" + "".join(f"{row[word]:11d}" for word in WORDS))
    for line in apart(finished, folder / "signed"):
        print(line)
    print(f"{time.monotonic() - started:.0f} s")
    return 0 if all(word in GOOD for word in whole) else 1
