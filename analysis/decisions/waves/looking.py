"""A look at a study in waves, when a wave is over: what is decided, and who is trained further.

``python -m analysis look``. In: study.json, the runs of the waves so far, and the looks before this
one (``results/<study>/looks``). Out: ``look<k>.json``, a document of `afn.common.made_from` that
holds under ``look``

- ``wave`` and ``seeds``: the wave that is over, and the number of seeds that there are now;
- ``families``: the state of every family after it (`Waves.to_dict`);
- ``unplanned``: behind the last planned look, the e value of each comparison that it left open;
- ``next``: the cells that get the next wave, as paths: those that an open comparison needs;
- ``read``: the cells whose runs were read for it.

The workflow's checkpoint of the wave calls it. Only runs of open comparisons are read: what is
frozen stays as the look before has it. A look is made from runs and earlier looks alone, so that
one that is made again after an interruption has the same bytes.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from afn.common.errors import StudyError
from afn.common.made_from import digest, enclosed, hashes
from afn.study.grid.cells import Study
from afn.study.state.made import RUNS
from afn.study.waves.asked import LOOK, asked_by, look_file, read_look
from afn.study.waves.family import members
from afn.study.waves.record import Record, read_record, write_record
from analysis.decisions.decide import comparisons
from analysis.decisions.steps.pairing import Comparison
from analysis.decisions.waves import unplanned
from analysis.decisions.waves.family import named, plan_of, seeds_until
from analysis.decisions.waves.seen import differences_of, of_seeds, seen
from analysis.display.commands import add_study_file
from analysis.results.collect import collect
from analysis.results.correct import Correct, CorrectWriter
from analysis.results.io import read_study, write_atomically
from analysis.results.scores import Scores
from analysis.stats.sequential.records import plain
from analysis.stats.sequential.waves import Waves


def take(
    study: Study,
    record: Record,
    before: list[dict[str, Any]],
    found: Mapping[str, Comparison],
) -> dict[str, Any]:
    """The next look.

    Parameters
    ----------
    before : list of dict
        The looks before it, in order.
    found : mapping from name to `Comparison`
        The pooled primary comparisons with the scores that there are; those of frozen comparisons
        may be empty.
    """
    wave = len(before) + 1
    states = states_of(study, record, before)
    late: dict[str, Any] = {}
    if wave <= len(record.looks):
        states = [_looked(study, state, wave, found) for state in states]
    else:
        told = before[-1]["unplanned"]
        open_ones = unplanned.left_open(states, told)
        seeds = seeds_until(study, wave)
        own = {name: of_seeds(found[name], seeds) for name in open_ones if name in found}
        late = told | unplanned.evidence(states, own, study.plan)
    look: dict[str, Any] = {"wave": wave, "seeds": study.looks[wave - 1]}
    look |= {"families": [state.to_dict() for state in states], "unplanned": late}
    return look | {"next": _next(study, record, wave, states, late)}


def states_of(study: Study, record: Record, before: list[dict[str, Any]]) -> list[Waves]:
    """The families after the looks before; one that was added since begins."""
    stored = [Waves.from_dict(state) for state in before[-1]["families"]] if before else []
    new = record.families[len(stored) :]
    return stored + [Waves.begin(plan_of(study, record, family)) for family in new]


def _looked(study: Study, state: Waves, wave: int, found: Mapping[str, Comparison]) -> Waves:
    """A family after the wave; one that was added later looks at the waves before it, too."""
    while state.wave < wave:
        seeds = seeds_until(study, state.wave + 1)
        own = {
            c.name: of_seeds(found[c.name], seeds)
            for c in state.comparisons
            if c.verdict is None and c.name in found
        }
        last = state.plan.looks[-1]
        views = {name: seen(c, study.plan.target, last) for name, c in own.items()}
        state = state.look({n: differences_of(c) for n, c in own.items()}, seen=views)
    return state


def _next(
    study: Study, record: Record, wave: int, states: Iterable[Waves], late: Mapping[str, Any]
) -> list[str]:
    """Cells that get the next wave, in the study's order."""
    if wave >= len(study.looks):
        return []
    if wave < len(record.looks):
        open_ones = {c.name for state in states for c in state.comparisons if c.verdict is None}
    else:
        open_ones = set(unplanned.left_open(states, late))
    wanted = {path for m in members(study) if m.name in open_ones for path in m.cells}
    return [cell.path for cell in study.cells() if cell.path in wanted]


def to_read(study: Study, record: Record, before: list[dict[str, Any]]) -> list[str]:
    """The cells whose runs a look needs: those of its open comparisons."""
    wave, states = len(before) + 1, states_of(study, record, before)
    if wave <= len(record.looks):
        names = {c.name for state in states for c in state.comparisons if c.verdict is None}
    else:
        names = set(unplanned.left_open(states, before[-1]["unplanned"]))
    wanted = {path for m in members(study) if m.name in names for path in m.cells}
    return [cell.path for cell in study.cells() if cell.path in wanted]


@contextlib.contextmanager
def reading(
    study: Study, runs: Path, data: str | None, wanted: Mapping[str, list[int]], study_file: str
) -> Iterator[dict[str, Comparison]]:
    """The pooled primary comparisons by name, from the results of some cells and seeds.

    Their answers image by image lie in a file that is there as long as the context is.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "correct.npz")
        with CorrectWriter(path, [*study.protocols, "any"], {}) as writer:
            how: dict[str, Any] = {"wanted": wanted, "study_file": study_file, "answers": writer}
            tables = collect(study, runs, data=data, **how)
        scores = Scores(tables["results"], study, correct=Correct(path))
        yield {named(c): c for c in comparisons(study, scores) if c.primary}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", metavar="STUDY_JSON", help="the resolved study")
    parser.add_argument("--runs", required=True, help="folder of the runs' results")
    parser.add_argument("--data", help="folder of the prepared tasks")
    parser.add_argument("--wave", type=int, required=True, help="the wave that is over, from 1")
    parser.add_argument("-o", "--output", required=True, help="look<k>.json to write")
    add_study_file(parser)


def main(args: argparse.Namespace) -> None:
    study, output, runs = read_study(args.study), Path(args.output), Path(args.runs)
    results = output.parent.parent
    if not 1 <= args.wave <= len(study.looks):
        raise StudyError(f"--wave {args.wave}: the study has {len(study.looks)} waves")
    files = [look_file(results, wave) for wave in range(1, args.wave)]
    before = [read_look(path) for path in files]
    record = read_record(study, results)
    cells, asked = to_read(study, record, before), asked_by(study, before)
    wanted = {path: asked[path] for path in cells}
    with reading(study, runs, args.data, wanted, args.study_file) as found:
        look = take(study, record, before, found) | {"read": cells}
        differences = {name: differences_of(c) for name, c in found.items()}
    names = [f"{path}/seed{seed}/result.json" for path, own in wanted.items() for seed in own]
    made_from = {**hashes(args.study, *files[-1:]), RUNS: digest(runs, names)}
    write_record(record.noted(args.wave, differences), results)
    text = json.dumps(enclosed(LOOK, plain(look), made_from), indent=1, allow_nan=False) + "\n"
    write_atomically(output, lambda path: path.write_text(text, encoding="utf-8"))
    _tell(look)


def _tell(look: dict[str, Any]) -> None:
    """What the look found, in the job's log."""
    for family in look["families"]:
        for c in family["comparisons"]:
            why = f" ({c['reason']})" if c["reason"] else ""
            print(f"{c['name']}: {c['verdict'] or 'open'}{why}")
    print(f"look {look['wave']}: {len(look['next'])} cells get another wave")
