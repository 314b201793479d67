"""Run a study with Snakemake and show one line of progress: ``make report``, ``afn-study report``.

In: a study file, and what to do with it (report, partial report, rerun of selected runs); the
folder of the study is the one that this process works in, and its Snakefile is what Snakemake runs.
Out: a progress line, Snakemake's own log in a file, and at the end the path of the report.
Snakemake does all the work: ``snakemake`` alone gives the same results. Called by
``workflow/run.py`` of a checkout and by `afn.command`.

Clears up after a killed predecessor: it waits for one that is still dying, and takes away a lock
whose owner is dead.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import time
from pathlib import Path

from afn.command import unchanged
from afn.common.errors import StudyError
from afn.common.process import die_with_parent, start_ticks
from afn.study.grid.cells import Study
from afn.study.grid.selection import select
from afn.study.layout import StudyFolders
from afn.study.plan.describe import undeclared
from afn.study.state.made import lacking, made_findings
from afn.study.state.owner import check_packages, load_own
from afn.study.state.progress import Progress, format_seconds
from afn.study.state.repeat import announced, compared, kept
from afn.study.state.steps import Steps
from afn.study.waves.asked import asked_runs
from afn.training.job.devices import described

STATE = Path(".snakemake")
OWNER = STATE / "owner.json"
PATIENCE_SECONDS = 10.0
SNAKEFILES = ("Snakefile", "workflow/Snakefile")
"""Where Snakemake looks, in this order."""
GPU_PROFILE = Path("profiles/gpu")
"""Taken where jobs use devices, if it is there and no other one is asked for."""
ALSO = {"paper": "paper/paper.tex", "supplement": "supplement.zip"}
"""Target of the workflow beside the report -> what it leaves in the folder of the report."""


def main(arguments: list[str] | None = None, prog: str = "workflow/run.py") -> int:
    """Run a study in the present folder; returns the exit code."""
    parser = argparse.ArgumentParser(prog=prog, description=__doc__.split("\n")[0])
    parser.add_argument("--study", default="config.yaml", help="study file (default: config.yaml)")
    parser.add_argument("--partial", action="store_true", help="report on what exists")
    parser.add_argument("--rerun", action="store_true", help="train the runs of --where again")
    parser.add_argument("--also", choices=tuple(ALSO), help="make this, too, and end with its path")
    parser.add_argument("--where", default="", help="an expression that selects runs")
    parser.add_argument("--data", default="", help="folder of the data sets (default: data/raw)")
    parser.add_argument("extra", nargs="*", help="options for Snakemake, behind --")
    options = parser.parse_args(arguments)
    if "MAKELEVEL" in os.environ:
        # A killed make takes everything with it; started by hand (nohup) we outlive the shell.
        die_with_parent()
    try:
        _check_folder()
        check_packages()
        sources = unchanged.seen(unchanged.sources_of(options.study))
        study = load_own(options.study)
        if options.partial:
            return _partial(study, options)
        given = sys.argv[1:] if arguments is None else arguments
        return _report(study, options, given, sources)
    except StudyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on where it was", file=sys.stderr)
        return 130


def _check_folder() -> None:
    """Refuse a folder that Snakemake could do nothing in.

    Raises
    ------
    StudyError
        Says how a folder of a study is made.
    """
    if not any(Path(name).is_file() for name in SNAKEFILES):
        raise StudyError(
            f"{Path.cwd()} has no Snakefile: `afn-study init FOLDER` makes a folder for a study"
        )


def _report(study: Study, options: argparse.Namespace, given: list[str], sources: str) -> int:
    clear_stale_lock()
    also = [options.also] if options.also else []
    targets, settings, runs, before = ["all", *also], _data(options), [], {}
    devices = described(len(os.sched_getaffinity(0)))
    for line in [*undeclared(study), *([devices] if devices else [])]:
        print(line, flush=True)
    if options.rerun:
        if not options.where.strip():
            raise StudyError("rerun: say which runs, as in WHERE=\"norm == 'afn' and seed == 3\"")
        runs = select(study, options.where, asked_runs(study, StudyFolders(study.name).results))
        before = kept(study, runs)
        StudyFolders(study.name).forget(runs)
        paths = [str(StudyFolders(study.name).result(run)) for run in runs]
        targets = [*paths, "all", "--force"]
        settings += ["seeds_per_job=1"]
        print("\n".join(announced(runs)), flush=True)
    command = ["--configfile", options.study, *options.extra, *_config(settings)]
    if devices and GPU_PROFILE.is_dir() and "--workflow-profile" not in options.extra:
        command += ["--workflow-profile", str(GPU_PROFILE)]
    started = time.monotonic()
    code, log = run_snakemake([*targets, *command], Progress(study, since=time.time()))
    if code != 0:
        explain_failure(code, log)
        return 1
    for line in compared(runs, before, kept(study, runs)):
        print(line)
    plain = not (options.rerun or options.extra or also)
    roots = unchanged.roots_of(study, options.study) if plain else None
    seen = unchanged.seen(roots) if roots else ""
    edited = sources != unchanged.seen(unchanged.sources_of(options.study))
    wrong = [] if _is_dry(options.extra) else [*lacking(study), *made_findings(study)]
    if wrong:
        head = "error: Snakemake has ended, but the report is not of the results that are there:"
        print("\n".join([head, *wrong, f"Snakemake's log: {log}"]), file=sys.stderr)
        return 1
    page = StudyFolders(study.name).reports / "index.html"
    if roots and seen and not edited:
        unchanged.keep(given, roots, seen, page)
    print(f"done in {format_seconds(time.monotonic() - started)}; the report:")
    for name in ["index.html", *(ALSO[target] for target in also)]:
        print(StudyFolders(study.name).reports / name)
    return 0


def _partial(study: Study, options: argparse.Namespace) -> int:
    log = _log_file(study, "partial")
    # No lock is taken: a partial report shares no output with a study that is running.
    command = ["partial", "--nolock", "--configfile", options.study, *options.extra]
    command += _config(_data(options))
    with log.open("w") as file:
        code = subprocess.run(_snakemake(command), stdout=file, stderr=file, check=False).returncode
    if code != 0:
        explain_failure(code, log)
        return 1
    print(StudyFolders(study.name).reports / "partial" / "index.html")
    return 0


def _is_dry(extra: list[str]) -> bool:
    """Whether Snakemake was asked to do nothing, or something else than the report."""
    return bool({"-n", "--dry-run", "--dryrun"} & set(extra))


def _data(options: argparse.Namespace) -> list[str]:
    return [f"data_dir={options.data}"] if options.data else []


def _config(settings: list[str]) -> list[str]:
    """Settings behind one ``--config``: of two, Snakemake keeps the last."""
    return ["--config", *settings] if settings else []


def _snakemake(arguments: list[str]) -> list[str]:
    return [sys.executable, "-m", "snakemake", *arguments]


def _log_file(study: Study, name: str) -> Path:
    folder = StudyFolders(study.name).logs
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}.log"


def run_snakemake(arguments: list[str], progress: Progress) -> tuple[int, Path]:
    """Start Snakemake, note who holds the lock, and show progress until it ends."""
    log = _log_file(progress.study, "snakemake")
    with log.open("w") as file:
        process = subprocess.Popen(
            _snakemake(arguments),
            stdout=file,
            stderr=subprocess.STDOUT,
            preexec_fn=die_with_parent,
        )
    STATE.mkdir(exist_ok=True)
    owner = {"host": platform.node(), "pid": process.pid, "ticks": start_ticks(process.pid)}
    OWNER.write_text(json.dumps(owner), encoding="utf-8")
    show, steps = _Line(), Steps(log)
    try:
        while process.poll() is None:
            show(progress.line() + steps.words())
            time.sleep(0.5)
    except KeyboardInterrupt:
        process.wait()
        raise
    finally:
        show.end(progress.line())
        OWNER.unlink(missing_ok=True)
    return process.returncode, log


class _Line:
    """One line that is rewritten on a terminal, and repeated now and then elsewhere."""

    def __init__(self) -> None:
        self.terminal = sys.stdout.isatty()
        self.every = 0.0 if self.terminal else 20.0
        self.last = time.monotonic() if not self.terminal else -self.every

    def __call__(self, text: str) -> None:
        if time.monotonic() - self.last >= self.every:
            self.last = time.monotonic()
            print(f"\r\x1b[2K{text}" if self.terminal else text, end="", flush=True)
            if not self.terminal:
                print(flush=True)

    def end(self, text: str) -> None:
        print(f"\r\x1b[2K{text}" if self.terminal else text, flush=True)


def clear_stale_lock() -> None:
    """Take away the lock of a dead Snakemake; wait for one that is dying, refuse a living one.

    Raises
    ------
    StudyError
        Where another Snakemake works in this folder, or the lock was made on another machine.
    """
    locks = STATE / "locks"
    if not locks.is_dir() or not any(locks.iterdir()):
        return
    owner = _read_owner()
    if owner.get("host", platform.node()) != platform.node():
        raise StudyError(
            f"a Snakemake on {owner['host']} (process {owner.get('pid')}) holds the lock of this "
            "folder; if it is dead, run: snakemake --unlock"
        )
    until = time.monotonic() + PATIENCE_SECONDS
    while (alive := _living(owner)) is not None:
        if time.monotonic() > until:
            raise StudyError(
                f"another Snakemake (process {alive}) works in this folder; `make status` shows "
                "how far it is, `make partial` reports on what exists"
            )
        time.sleep(0.1)
    for lock in locks.iterdir():
        lock.unlink(missing_ok=True)
    print("took away the lock of a run that was killed", file=sys.stderr)


def _read_owner() -> dict:
    try:
        return json.loads(OWNER.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _living(owner: dict) -> int | None:
    """The process number of a Snakemake that works in this folder on this machine, if any."""
    pid = owner.get("pid")
    if isinstance(pid, int) and owner.get("ticks") == start_ticks(pid) is not None:
        return pid
    here = Path.cwd()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            same_folder = (entry / "cwd").resolve() == here
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except (OSError, IndexError):
            continue
        names = {Path(os.fsdecode(word)).name for word in words[:3]}
        if same_folder and "snakemake" in names and state != "Z":
            return int(entry.name)
    return None


def explain_failure(code: int, log: Path) -> None:
    """Show the end of the logs of the jobs that failed, and what to do next."""
    text = log.read_text(encoding="utf-8", errors="replace")
    if code < 0:
        print(f"error: Snakemake was killed by signal {-code}", file=sys.stderr)
    failed = dict.fromkeys(re.findall(r"^Error in rule (\S+?):?$", text, re.MULTILINE))
    files = dict.fromkeys(re.findall(r"^\s+log: (\S+\.log)", text, re.MULTILINE))
    for name in failed:
        print(f"error: rule {name} failed", file=sys.stderr)
    for file in [Path(name) for name in files if Path(name).is_file()][-3:]:
        tail = file.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-8:]
        if tail and failed:
            print(
                "\n".join([f"  end of {file}:", *(f"    {line}" for line in tail)]), file=sys.stderr
            )
    if not failed and code > 0:
        print("\n".join(text.strip().splitlines()[-12:]), file=sys.stderr)
    print(
        f"Snakemake's log: {log}\nnothing that was finished is lost: the same command goes on; "
        "`make partial` reports on what exists",
        file=sys.stderr,
    )


if __name__ == "__main__":
    sys.exit(main())
