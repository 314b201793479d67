"""The searches of a study as a storage of Optuna, for optuna-dashboard and scripts.

In: ``search.json``, or the chosen.json of those searches that have ended. Out: a file that holds a
study of Optuna per search. Called by ``python -m afn.search export`` and the rule ``optuna``; the
workflow itself needs no such file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, NamedTuple

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from afn.common import parsing
from afn.common.errors import StudyError, nearest
from afn.common.made_from import read_document
from afn.search.sampling import distribution, intermediate
from afn.study.layout import StudyFolders
from afn.study.loading import load_study
from afn.study.search.groups import repeat_suffix

JOURNALS, DATABASES = (".journal", ".log"), (".db", ".sqlite3")
STATES = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "diverged": TrialState.FAIL,
}
KEPT = ("round", "drawn", "state", "rung", "values", "epochs", "train_seconds")
"""What a trial of the export says of itself beside what Optuna has a place for."""


class SearchRecord(NamedTuple):
    """A search in Optuna's words."""

    name: str
    direction: Literal["maximize", "minimize"]
    attributes: dict[str, Any]
    trials: list[FrozenTrial]


def export(source: str, output: Path) -> str:
    """Write all searches into ``output``, in place of what was there; returns what was written.

    Raises
    ------
    StudyError
        For another extension, a source without searches or with those of another version, or an
        output that cannot be written.
    """
    if output.suffix not in (*JOURNALS, *DATABASES):
        hint = nearest(output.suffix, (*JOURNALS, *DATABASES))
        raise StudyError(f"{output}: the extension says what is written; {hint}")
    found = list(searches(source))
    temporary = output.with_name(f".{output.stem}.{os.getpid()}{output.suffix}")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        try:
            _write(found, temporary)
            temporary.replace(output)
        finally:
            temporary.unlink(missing_ok=True)
    except (OSError, SQLAlchemyError, StorageInternalError) as error:
        raise StudyError(f"{output}: cannot be written: {error}") from None
    trials = sum(len(search.trials) for search in found)
    return f"{output}: {len(found)} searches, {trials} trials"


def searches(source: str) -> Iterator[SearchRecord]:
    """Every search behind a study file, a folder of results or a search.json.

    Raises
    ------
    StudyError
        Where there are none, or one is not as this version writes it.
    """
    path = Path(source)
    if path.suffix in (".yaml", ".yml"):
        path = StudyFolders(load_study(path).name).results
    file = path / "search.json" if path.is_dir() or not path.suffix else path
    if file.is_file():
        listed = read_document(file, "searches")["searches"]
        found = [(file, search) for search in listed]
    else:
        # While a study runs: the searches that have ended.
        ended = sorted(file.parent.glob("search/*/*/chosen.json"))
        found = [(chosen, _read(chosen)) for chosen in ended]
    if not found:
        raise StudyError(f"{file}: no search was found; `snakemake search` makes them")
    study = file.resolve().parent.name
    for place, search in found:
        try:
            yield _translated(study, search)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise StudyError(
                f"{place}: holds a search that is not as `snakemake search` of this version "
                f"writes it: {what}"
            ) from None


def _read(path: Path) -> Any:
    try:
        return parsing.load(path)
    except (OSError, ValueError) as error:
        raise StudyError(f"{path}: cannot be read: {error}") from None


def _write(found: list[SearchRecord], path: Path) -> None:
    """Write each search as a study of Optuna."""
    path.touch()  # an error of the file system is told better by it than by a database
    if path.suffix in JOURNALS:
        storage: Any = JournalStorage(JournalFileBackend(str(path)))
    else:
        storage = RDBStorage(f"sqlite:///{path.resolve()}")
    for search in found:
        study = optuna.create_study(
            study_name=search.name,
            storage=storage,
            direction=search.direction,
            sampler=_NOTHING,
        )
        for key, value in search.attributes.items():
            study.set_user_attr(key, value)
        study.add_trials(search.trials)
    if isinstance(storage, RDBStorage):
        storage.remove_session()
        storage.engine.dispose()


_NOTHING = optuna.samplers.RandomSampler(seed=0)
"""Nothing is drawn; the default would warn or differ between versions."""


def _translated(study: str, search: dict[str, Any]) -> SearchRecord:
    if search["direction"] not in ("maximize", "minimize"):
        raise ValueError(f"direction {search['direction']!r}; valid: maximize, minimize")
    return SearchRecord(
        f"{study}/{search['experiment']}/{search['label']}{repeat_suffix(search.get('repeat'))}",
        search["direction"],
        {key: value for key, value in search.items() if key != "trials"},
        # Optuna numbers trials in the order in which they come.
        [_frozen(search, trial) for trial in sorted(search["trials"], key=lambda t: t["number"])],
    )


def _frozen(search: dict[str, Any], trial: dict[str, Any]) -> FrozenTrial:
    if trial["state"] not in STATES:
        raise ValueError(f"state {trial['state']!r}; {nearest(str(trial['state']), STATES)}")
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
    took = timedelta(seconds=trial["train_seconds"])
    frozen.datetime_start = frozen.datetime_complete - took  # type: ignore[operator, assignment]
    return frozen
