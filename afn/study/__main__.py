"""Look at a study without training: ``python -m afn.study COMMAND [STUDY]``.

plan      what will be run and decided, what the plan can find, what exists, and what would be
          trained again and why; with --pilot RESULTS also what more seeds, searches or test images
          would buy
calibrate measure this machine (two minutes at most), for the hours that plan and status print
status    the grid as a matrix, with the time that is left (works while a study runs)
verify    whether every result is whole, true to itself and of this study, its scores computed
          again; and what was made from them (tables, decisions, page), and the prepared data
runs      paths of the results that an expression selects
drop      forget the private copies of selected runs, so that they are trained again
codes     print the fingerprint of each cell as JSON: what a change of code would train again
schema    print the JSON schema of a study file
"""

from __future__ import annotations

import argparse
import json
import sys

from afn.common.errors import StudyError
from afn.study.grid.selection import select
from afn.study.layout import StudyFolders
from afn.study.state.owner import load_own
from afn.study.waves.asked import asked_runs

_TOLD = 10
"""Of so many missing runs `status` says why they are."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m afn.study",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=sorted(_COMMANDS))
    parser.add_argument("study", nargs="?", default="config.yaml", help="default: config.yaml")
    parser.add_argument("--where", help="choose runs: \"norm == 'afn' and seed == 3\"")
    parser.add_argument(
        "--pilot", metavar="RESULTS", help="plan: results/<study> of a pilot, or its decisions.json"
    )
    options = parser.parse_args(arguments)
    try:
        return _COMMANDS[options.command](options)
    except StudyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 0


def _plan(options: argparse.Namespace) -> int:
    from afn.study.plan.describe import describe_plan
    from afn.study.state.inventory import inventory

    study = load_own(options.study)
    lines = [describe_plan(study), "", *inventory(study)]
    if options.pilot:
        from afn.study.plan.pilot import advice

        lines += ["", *advice(study, options.pilot)]
    print("\n".join(lines))
    return 0


def _calibrate(options: argparse.Namespace) -> int:
    from afn.study.plan.calibration import calibrate
    from afn.study.plan.cost import describe_hours

    study = load_own(options.study)
    path, machine = calibrate(study)
    found = f"measured steps took {machine.low:.2f} to {machine.high:.2f} times the estimate"
    lines = [f"{machine.name}: {found} ({path})", *describe_hours(study, [machine])[1:]]
    print("\n".join(lines))
    return 0


def _status(options: argparse.Namespace) -> int:
    from afn.study.state.progress import Progress, matrix

    study = load_own(options.study)
    progress = Progress(study)
    states = progress.states()
    print(matrix(study, states))
    print(progress.line(states))
    troubles = list(progress.troubles(states).items())
    for path, trouble in troubles[:_TOLD]:
        print(f"missing: {path}: {trouble}")
    if len(troubles) > _TOLD:
        print(f"... and {len(troubles) - _TOLD} more")
    return 0


def _verify(options: argparse.Namespace) -> int:
    from afn.study.state.made import made_findings, prepared_findings
    from afn.study.state.verify import followed, verify

    study = load_own(options.study)
    whole, findings, notes = verify(study)
    made = [*prepared_findings(study), *made_findings(study)]
    count = f"{whole} of {len(followed(study))} results are whole"
    print("\n".join([*findings, *made, *notes, count]))
    if made:
        print("`make report` makes stale files again; remove changed ones before")
    findings += made
    return 1 if findings else 0


def _runs(options: argparse.Namespace) -> int:
    study = load_own(options.study)
    layout = StudyFolders(study.name)
    chosen = select(study, options.where, asked_runs(study, layout.results))
    print("\n".join(str(layout.result(run)) for run in chosen))
    return 0


def _drop(options: argparse.Namespace) -> int:
    study = load_own(options.study)
    if not options.where:
        raise StudyError("drop: say which runs with --where (see --help)")
    runs = select(study, options.where, asked_runs(study, StudyFolders(study.name).results))
    StudyFolders(study.name).forget(runs)
    print(f"{len(runs)} run(s) will be trained again when Snakemake is asked for them")
    return 0


def _codes(options: argparse.Namespace) -> int:
    from afn.study.code.fingerprint import run_fingerprint

    cells = load_own(options.study).cells()
    print(json.dumps({cell.path: run_fingerprint(cell) for cell in cells}, indent=1))
    return 0


def _schema(options: argparse.Namespace) -> int:
    from afn.study.grid.schema import json_schema

    print(json.dumps(json_schema(), indent=2))
    return 0


_COMMANDS = {
    "plan": _plan,
    "calibrate": _calibrate,
    "status": _status,
    "verify": _verify,
    "runs": _runs,
    "drop": _drop,
    "codes": _codes,
    "schema": _schema,
}

if __name__ == "__main__":
    sys.exit(main())
