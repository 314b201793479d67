"""The searches of a study as a storage of Optuna, for optuna-dashboard and scripts.

In: ``search.json``, or the chosen.json of those searches that have ended. Out: a file that holds a
study of Optuna per search. Called by ``python -m afn.search export`` and the rule ``optuna``; the
workflow itself needs no such file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from afn.search.sampling import distribution, intermediate
from afn.study.errors import StudyError, nearest
from afn.study.layout import Layout
from afn.study.loading import load_study

JOURNALS, DATABASES = (".journal", ".log"), (".db", ".sqlite3")
STATES = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "diverged": TrialState.FAIL,
}
KEPT = ("round", "drawn", "state", "rung", "values", "epochs", "train_seconds")
"""What a trial of the export says of itself beside what Optuna has a place for."""


def export(source: str, output: Path) -> str:
    """Write all searches into ``output``, in place of what was there; returns what was written.

    Raises
    ------
    StudyError
        For another extension, or a source without searches.
    """
    if output.suffix not in (*JOURNALS, *DATABASES):
        hint = nearest(output.suffix, (*JOURNALS, *DATABASES))
        raise StudyError(f"{output}: the extension says what is written; {hint}")
    found = list(searches(source))
    temporary = output.with_name(f".{output.stem}.{os.getpid()}{output.suffix}")
    output.parent.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        storage = _storage(temporary)
        trials = sum(_add(storage, *entry) for entry in found)
        if isinstance(storage, RDBStorage):
            storage.remove_session()
            storage.engine.dispose()
        temporary.replace(output)
    finally:
        temporary.unlink(missing_ok=True)
    return f"{output}: {len(found)} searches, {trials} trials"


def searches(source: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and content of every search behind a study file, a folder of results or a search.json.

    Raises
    ------
    StudyError
        Where there are none.
    """
    path = Path(source)
    if path.suffix in (".yaml", ".yml"):
        path = Layout(load_study(path).name).results
    file = path / "search.json" if path.is_dir() or not path.suffix else path
    if file.is_file():
        found = _read(file)
    else:
        # While a study runs: the searches that have ended.
        found = [_read(chosen) for chosen in sorted(file.parent.glob("search/*/*/chosen.json"))]
    if not isinstance(found, list) or not all(isinstance(s, dict) and "trials" in s for s in found):
        raise StudyError(f"{file}: is no list of searches, as `snakemake search` writes it")
    if not found:
        raise StudyError(f"{file}: no search was found; `snakemake search` makes them")
    study = file.resolve().parent.name
    for search in found:
        yield f"{study}/{search['experiment']}/{search['label']}", search


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StudyError(f"{path}: cannot be read: {error}") from None


def _storage(path: Path) -> JournalStorage | RDBStorage:
    if path.suffix in JOURNALS:
        return JournalStorage(JournalFileBackend(str(path)))
    return RDBStorage(f"sqlite:///{path.resolve()}")


def _add(storage: Any, name: str, search: dict[str, Any]) -> int:
    """Write one search as a study of Optuna; returns the number of its trials."""
    study = optuna.create_study(
        study_name=name, storage=storage, direction=search["direction"], sampler=_NOTHING
    )
    for key, value in search.items():
        if key != "trials":
            study.set_user_attr(key, value)
    # Optuna numbers trials in the order in which they come.
    for trial in sorted(search["trials"], key=lambda t: t["number"]):
        study.add_trial(_frozen(search, trial))
    return len(search["trials"])


_NOTHING = optuna.samplers.RandomSampler(seed=0)
"""Nothing is drawn; the default would warn or differ between versions."""


def _frozen(search: dict[str, Any], trial: dict[str, Any]) -> FrozenTrial:
    state, halving = STATES[trial["state"]], search.get("halving")
    rungs = halving["epochs"] if halving else [search["epochs"]]
    frozen = optuna.trial.create_trial(
        state=state,
        value=trial["value"] if state is TrialState.COMPLETE else None,
        params=trial["params"],
        distributions={key: distribution(search["space"][key]) for key in trial["params"]},
        intermediate_values=intermediate(rungs, trial) if halving else {},
        user_attrs={key: trial[key] for key in KEPT},
    )
    # No time of day is kept; this says how long it took.
    frozen.datetime_start = frozen.datetime_complete - timedelta(seconds=trial["train_seconds"])
    return frozen
