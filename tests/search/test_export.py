"""What is exported is read again with Optuna: studies, states, values, parameters, attributes."""

import json

import optuna
import pytest
from sqlalchemy.exc import OperationalError

from afn.common.made_from import enclosed, read_document
from afn.search.__main__ import main
from tests.search.test_halving import Round, study

VALUES = [[0.1 + number / 20] * 3 for number in range(8)] + [[None] * 3]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The folder of a study whose one search has nine trials: five kinds of ends."""
    folder = tmp_path_factory.mktemp("x") / "tiny"
    group = study(trials=9).searches()[1]
    found = Round(folder, group, VALUES).run()
    (folder / "search.json").write_text(json.dumps(enclosed("searches", [found], {})))
    return folder


def storage_of(path):
    if path.suffix in (".db", ".sqlite3"):
        return optuna.storages.RDBStorage(f"sqlite:///{path}")
    backend = optuna.storages.journal.JournalFileBackend(str(path))
    return optuna.storages.JournalStorage(backend)


@pytest.mark.parametrize("extension", [".journal", ".log", ".db", ".sqlite3"])
def test_an_export_is_what_was_recorded(results, tmp_path, extension, capsys):
    path = tmp_path / f"out{extension}"
    for _ in range(2):  # a file that is there is replaced, not added to
        assert main(["export", str(results), "-o", str(path)]) == 0
        assert "1 searches, 9 trials" in capsys.readouterr().out
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    storage = storage_of(path)
    assert optuna.get_all_study_names(storage) == ["tiny/tuned/afn"]
    loaded = optuna.load_study(study_name="tiny/tuned/afn", storage=storage)
    recorded = read_document(results / "search.json", "searches")["searches"][0]
    assert loaded.user_attrs["halving"] == {"factor": 3, "rungs": 3, "epochs": [1, 4, 12]}
    assert loaded.user_attrs["chosen"]["number"] == loaded.best_trial.number == 7
    assert loaded.best_params == recorded["trials"][7]["params"]
    names = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "diverged"}
    for trial, record in zip(loaded.trials, recorded["trials"], strict=True):
        assert (trial.number, trial.params) == (record["number"], record["params"])
        assert names[trial.state.name] == record["state"]
        for key in ("round", "drawn", "rung", "epochs", "values"):
            assert trial.user_attrs[key] == record[key]
        assert trial.duration.total_seconds() == record["train_seconds"]
    assert loaded.trials[7].value == 45.0
    assert loaded.trials[6].intermediate_values == {1: 40.0, 4: 40.0}
    assert loaded.trials[8].intermediate_values == {}
    # Without this, a script could not go on from the export.
    assert loaded.ask().number == 9


def test_searches_that_have_ended_are_exported_before_the_others(results, tmp_path):
    (results / "search.json").rename(results / "kept.json")
    try:
        assert main(["export", str(results), "-o", str(tmp_path / "a.journal")]) == 0
    finally:
        (results / "kept.json").rename(results / "search.json")
    names = optuna.get_all_study_names(storage_of(tmp_path / "a.journal"))
    assert names == ["tiny/tuned/afn"]


@pytest.mark.parametrize(
    ("source", "output", "message"),
    [
        ("tiny", "out.dbb", "did you mean '.db'?"),
        ("elsewhere", "out.db", "no search was found"),
        ("tiny/spoilt.json", "out.db", "spoilt.json"),
    ],
)
def test_mistakes_are_told(results, tmp_path, source, output, message, capsys):
    (results / "spoilt.json").write_text("[{}]")
    path = tmp_path / output
    assert main(["export", str(results.parent / source), "-o", str(path)]) == 2
    assert message in capsys.readouterr().err
    assert not path.exists()


@pytest.mark.parametrize("key", ["label", "direction", "epochs", "trials", "space"])
@pytest.mark.parametrize("whole", [True, False])
def test_a_search_of_another_schema_is_told(results, tmp_path, key, whole, capsys):
    (search,) = read_document(results / "search.json", "searches")["searches"]
    search["halving"] = None
    search.pop(key)
    file = tmp_path / ("x/search.json" if whole else "x/search/tuned/afn/chosen.json")
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(enclosed("searches", [search], {}) if whole else search))
    assert main(["export", str(tmp_path / "x"), "-o", str(tmp_path / "out.db")]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {file}: holds a search that is not as")
    assert error.endswith(f"writes it: {key!r} is missing\n")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"rung": None}, "'rung' is missing"),
        ({"drawn": None}, "'drawn' is missing"),
        ({"rung_values": None}, "'rung_values' is missing"),
        ({"state": "complet"}, "state 'complet'; did you mean 'complete'?"),
        ({"params": {"recipe.lr": "much"}}, "much"),
    ],
)
def test_a_trial_of_another_schema_is_told(results, tmp_path, change, told, capsys):
    (search,) = read_document(results / "search.json", "searches")["searches"]
    trial = search["trials"][4]
    for key, value in change.items():
        trial.pop(key)
        if value is not None:
            trial[key] = value
    file = tmp_path / "search.json"
    file.write_text(json.dumps(enclosed("searches", [search], {})))
    assert main(["export", str(file), "-o", str(tmp_path / "out.journal")]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {file}: holds a search")
    assert told in error
    assert [path.name for path in tmp_path.iterdir()] == ["search.json"]


@pytest.mark.parametrize("extension", [".journal", ".db"])
@pytest.mark.parametrize("where", ["a file/out", "a folder", "/proc/out"])
def test_an_output_that_cannot_be_written_is_told(results, tmp_path, where, extension, capsys):
    (tmp_path / "a file").write_text("")
    (tmp_path / f"a folder{extension}").mkdir()
    before = sorted(tmp_path.iterdir())
    path = tmp_path / f"{where}{extension}"
    assert main(["export", str(results), "-o", str(path)]) == 2
    assert capsys.readouterr().err.startswith(f"error: {path}: cannot be written: ")
    assert sorted(tmp_path.iterdir()) == before


def test_an_error_of_the_database_is_told(results, tmp_path, monkeypatch, capsys):
    def failing(*given, **options):
        raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    monkeypatch.setattr(optuna.Study, "add_trials", failing)
    path = tmp_path / "out.db"
    assert main(["export", str(results), "-o", str(path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {path}: cannot be written: ")
    assert "disk is full" in error
    assert not list(tmp_path.iterdir())
