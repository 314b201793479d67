"""``python -m afn.training OUTPUT... --spec JSON ...``: train and test some seeds of one cell.

Only the command line and its exit codes stand here. The fingerprints of runs begin at the job and
the environment, so that another option of this command trains nothing again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from afn.common.errors import StudyError
from afn.common.process import die_with_parent
from afn.training.job.devices import take_device
from afn.training.job.environment import settle_environment
from afn.training.job.failures import explain
from afn.training.job.interruption import EXIT_CODE, Interrupted, Interruption, deadline
from afn.training.job.log import say


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m afn.training",
        description="Train and test some seeds of one cell; writes each OUTPUT (a result.json) "
        "with history.csv and predictions.npz beside it. A finished seed is put back from the "
        "store, an interrupted one is continued.",
    )
    parser.add_argument(
        "outputs",
        nargs="+",
        type=Path,
        metavar="OUTPUT",
        help=".../<task>/<backbone>/<norm>/<recipe>/seed<k>/result.json, all of one cell",
    )
    add = parser.add_argument
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("--spec", help="the cell's specification, a JSON object, or @FILE")
    given.add_argument(
        "--slot",
        type=Path,
        metavar="FILE",
        help="a slot of a search: a JSON object of the cell that fills it and its specification; "
        "where cell is null, the slot stays empty and nothing is trained",
    )
    add(
        "--until",
        type=int,
        metavar="EPOCH",
        help="stop after this epoch of the specification's; a later call goes on from there",
    )
    add("--study", required=True, help="name of the study, for the result")
    add("--fingerprint", required=True, help="hash of the code that the cell uses")
    add("--data", required=True, type=Path, help="manifest.json of the prepared task")
    add("--store", required=True, type=Path, help="folder of checkpoints and finished runs")
    add("--ledger", required=True, type=Path, help="folder where events are appended")
    add("--threads", type=int, default=1, help="CPU threads (default: 1)")
    add(
        "--at-once",
        type=int,
        default=1,
        metavar="N",
        help="seeds that are trained at a time in this process, taking turns after every step: for "
        "a GPU that waits for one (default: 1)",
    )
    add("--device", default="auto", help="auto, cpu, cuda or cuda:<i> (default: auto)")
    _add_times(add)
    return parser


def _add_times(add: Callable[..., Any]) -> None:
    """When a training is saved, and when it has to stop."""
    add(
        "--checkpoint-seconds",
        type=float,
        default=10.0,
        help="save at the end of an epoch when this long has passed (default: 10)",
    )
    add(
        "--within-epoch-seconds",
        type=float,
        default=300.0,
        metavar="SECONDS",
        help="save inside an epoch, too, when this long has passed since the last checkpoint; not "
        "more often than the option before says (default: 300)",
    )
    add(
        "--time-limit",
        type=float,
        metavar="SECONDS",
        help="save and leave with exit code 75 before this time is over (default: the "
        "environment's AFN_TIME_LIMIT, and the end that Slurm has set for the job)",
    )


def read_what(given: argparse.Namespace) -> tuple[dict | None, str | None]:
    """The specification, and the cell where the outputs' paths do not name it.

    Both are None for a slot that is empty.
    """
    if given.until is not None and given.until < 1:
        raise StudyError(f"--until {given.until}: an epoch from 1 on is needed")
    if given.at_once < 1:
        raise StudyError(f"--at-once {given.at_once}: at least 1 is needed")
    if given.slot is None:
        text = given.spec
        try:
            return json.loads(Path(text[1:]).read_text() if text.startswith("@") else text), None
        except (json.JSONDecodeError, OSError) as error:
            raise StudyError(f"--spec is not JSON: {error}") from None
    try:
        slot = json.loads(given.slot.read_text())
        return (None, None) if slot["cell"] is None else (slot["spec"], slot["cell"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StudyError(f"--slot {given.slot}: cell and spec cannot be read: {error!r}") from None


def leave_empty(given: argparse.Namespace) -> None:
    """Write the results of a slot that no trial fills."""
    from afn.common.run_folder import write_result

    for output in given.outputs:
        # The schema of `afn.training.job.record`, which needs torch.
        record = {"schema": 1, "study": given.study, "status": "empty", "epochs": 0}
        write_result(output.parent, record, {})
    say("the slot is empty: too few trials of the rung before did not diverge")


def main(given: argparse.Namespace) -> int:
    """Run the job; returns the exit code.

    0; 75 after SIGTERM or at the end of the job's time, with everything saved: the same call goes
    on; 2 for a mistake of the user; 1 for a crash.
    """
    started = time.time()
    try:
        spec, cell = read_what(given)
        if spec is None:
            leave_empty(given)
            return 0
        values = {**vars(given), "outputs": tuple(given.outputs), "spec": spec, "cell": cell}
        del values["slot"]
        at_once = values.pop("at_once")
        interruption = Interruption(deadline(values.pop("time_limit"), started, say))
        with interruption.listening():
            # Held until this process ends. Before torch, which looks at the visible devices once.
            leased = take_device(given.device, say)  # noqa: F841
            # Torch is imported only now: --help and mistakes on the command line do not wait.
            from afn.training.job.job import Job
            from afn.training.job.together import run_together

            run_together(Job(**values, interruption=interruption), at_once)
    except Interrupted as stop:
        say(f"stopped: {stop}; the same command goes on")
        return EXIT_CODE
    except StudyError as error:
        say(str(error))
        return 2
    except Exception as error:
        paragraph = explain(error, [given.store, given.outputs[0].parent, given.ledger])
        if paragraph:
            say(paragraph)
            return 1
        traceback.print_exc()
        outputs = " ".join(str(output) for output in given.outputs)
        say(f"{type(error).__name__}: {error}\n  while making {outputs}")
        return 1
    return 0


if __name__ == "__main__":
    die_with_parent()
    arguments = parser().parse_args()
    settle_environment(arguments.threads)
    code = main(arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    # Every file is written and closed; leaving in the usual way costs torch more than a second.
    os._exit(code)
