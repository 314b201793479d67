"""The inputs from the field, one by one: the cases of `python -m benchmarks.field library`."""

from __future__ import annotations

import pytest

from benchmarks.field import cases
from benchmarks.field.__main__ import main

CASES = cases("library")


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("one", CASES, ids=lambda one: one.name)
def test_case(one):
    one.run()


def test_what_is_wrong_is_counted_and_named(monkeypatch, capsys):
    import benchmarks.field as field
    from benchmarks.field import __main__ as command

    def wrong():
        raise AssertionError("off by 1")

    found = [field.Case("good", "a", lambda: None), field.Case("bad", "what is right", wrong)]
    monkeypatch.setattr(command, "cases", lambda kind: found)
    assert main(["library"]) == 1
    printed = capsys.readouterr().out
    assert "1 right    1 wrong" in printed
    assert "bad: AssertionError: off by 1" in printed
    assert "what is right" in printed
    with pytest.raises(SystemExit):
        main(["libary"])
