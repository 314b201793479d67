"""Damaged study files: each is accepted, or refused by a StudyError that names the place.

The shipped studies are damaged in one to three places, in their structure (keys deleted, renamed,
moved, values of another type, absurd numbers, odd text) or in their text.
"""

from __future__ import annotations

import copy
import functools
import random
import time
from collections import Counter
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from afn.common.errors import StudyError
from afn.study.grid.reading import read_mapping
from afn.study.grid.schema import RUNTIME, StudyFile
from afn.study.loading import load_study
from benchmarks.studies import KEYED, mutated, same
from tests.drawing import examples
from tests.shipped import FILES, each

KEYS = {*StudyFile.model_fields, *RUNTIME}
WHOLE = ("not valid YAML", "is not UTF-8", "a study file is a mapping", "the study: ")

ODD_TEXT = st.sampled_from(
    ["", " ", ".", "..", "/", "a/b", "a.b", "@", "a@b", "\x00", "\u202e", "é", "ß" * 300, "🦆",
     "null", "1e999", "nan", "__class__", "{}", "%s", "\\", "'", '"', "a\nb", "-1", "name"]
)  # fmt: skip
NUMBERS = st.sampled_from(
    [0, -1, 1, 2, 10**9, 10**30, -(10**30), 2**63, 0.5, -0.0, 1e-320, 1e308, float("inf"),
     float("-inf"), float("nan")]
)  # fmt: skip
PLAIN = st.one_of(ODD_TEXT, NUMBERS, st.booleans(), st.none(), st.text(max_size=8), st.integers())
ODD_KEYS = st.one_of(ODD_TEXT, st.integers(-2, 2), st.booleans(), st.none(), st.floats(width=16))
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(ODD_KEYS, inner, max_size=3)
    ),
    max_leaves=5,
)


@functools.cache
def shipped(path: Path) -> dict:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def places(value, path=()):
    """Every place in a structure, the top left out."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield (*path, key)
        if isinstance(inner, dict | list):
            yield from places(inner, (*path, key))


def mutate(data: st.DataObject, study: dict) -> None:
    """Change one place."""
    found = list(places(study))
    if not found:
        return
    *way, last = data.draw(st.sampled_from(found))
    parent = study
    for key in way:
        parent = parent[key]
    kinds = ["delete", "replace", "wrap", "number", "twice"]
    kind = data.draw(st.sampled_from([*kinds, "rename", "add"] * isinstance(parent, dict) or kinds))
    if kind == "delete":
        del parent[last]
    elif kind == "rename":
        new = data.draw(st.one_of(st.just(str(last)[:-1]), st.just(f"{last}s"), ODD_KEYS))
        parent[new] = parent.pop(last)
    elif kind == "add":
        parent[data.draw(ODD_KEYS)] = data.draw(VALUES)
    elif kind == "replace":
        parent[last] = data.draw(VALUES)
    elif kind == "number":
        parent[last] = data.draw(NUMBERS)
    elif kind == "wrap":
        old = parent[last]
        parent[last] = data.draw(st.sampled_from([[old], {"name": old}, [old, old], str(old)]))
    else:
        other = data.draw(st.sampled_from(found))
        value = study
        for key in other:
            try:
                value = value[key]
            except (KeyError, IndexError, TypeError):
                return
        parent[last] = copy.deepcopy(value)


def judge(path: Path) -> None:
    """Load a file: whatever is in it, a study or one clear message comes out."""
    try:
        study = load_study(path)
    except StudyError as error:
        message = str(error)
        assert message.startswith(str(path)), message
        rest = message.removeprefix(str(path)).lstrip(":0123456789 ")
        first = rest.split(":")[0].split(" ")[0].split(".")[0]
        # Keys that the file has and a study does not are named, too, as unknown.
        unknown = ("unknown key", "is given twice", "holds the character", "the tag ")
        # `<<` is YAML's own key: a merge of what is no mapping.
        named = first in {*KEYS, "<<"} or any(word in message for word in (*unknown, *WHOLE))
        assert named, f"names no key: {message}"
        return
    # What is accepted can be multiplied out and named.
    assert study.name
    assert all(cell.path for cell in study.cells())


@settings(
    max_examples=examples(200),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
@pytest.mark.seconds
def test_a_study_damaged_in_its_structure_gives_a_study_or_one_message(data, tmp_path):
    study = copy.deepcopy(shipped(data.draw(st.sampled_from(FILES))))
    for _ in range(data.draw(st.integers(1, 3))):
        mutate(data, study)
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(study, sort_keys=False, allow_unicode=True), encoding="utf-8")
    judge(path)


@settings(
    max_examples=examples(100),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_a_study_damaged_in_its_text_gives_a_study_or_one_message(data, tmp_path):
    raw = bytearray(data.draw(st.sampled_from(FILES)).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(raw)))
        stop = data.draw(st.integers(start, min(start + 40, len(raw))))
        pieces = [b"", b"\t", b"\xff", b"\x00", b": ", b"- ", b"&a ", b"*a", b"<<: ", b"!!python ",
                  b"!!timestamp 2001-01-01", b"{", b"]", b"#", b"\n", b"|\n", b"0x", b"1_0", b"? ",
                  bytes(raw[start:stop]) * 2]  # fmt: skip
        raw[start:stop] = data.draw(st.sampled_from(pieces))
    path = tmp_path / "study.yaml"
    path.write_bytes(bytes(raw))
    judge(path)


@pytest.mark.parametrize("path", each(FILES))
def test_undamaged_they_are_accepted(path, tmp_path):
    copied = tmp_path / "study.yaml"
    copied.write_text(yaml.safe_dump(shipped(path), sort_keys=False), encoding="utf-8")
    judge(copied)


@pytest.mark.parametrize(
    "value",
    ["!!timestamp x", "!!bool maybe", "!!int x", '!!int ""', "!!float x", "!!binary é", "!mine x"],
)
def test_a_tag_that_does_not_fit_its_value_is_one_message(value, tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(f"study: {value}\n", encoding="utf-8")
    with pytest.raises(StudyError, match=r"study\.yaml:1: study: .*(YAML 1\.2|no place)"):
        load_study(path)


@pytest.mark.long
def test_mutated_study_files_are_read_as_yaml_1_2_or_refused(tmp_path):
    """As ``python -m benchmarks.studies`` does it in processes of their own."""
    told = Counter()
    for number in range(100):
        dice = random.Random(f"test {number}")
        path = tmp_path / "study.yaml"
        path.write_text(mutated(dice.choice(FILES).read_text(encoding="utf-8"), dice), "utf-8")
        begun = time.process_time()
        message = ""
        try:
            load_study(path)
        except StudyError as error:
            message = str(error)
        told["refused" if message else "accepted"] += 1
        if message:
            assert message.startswith(str(path)), message
            assert KEYED.search(message.removeprefix(str(path))), message
        else:
            theirs = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
            assert same(read_mapping(path), theirs)
        assert time.process_time() - begun < 10
    assert min(told["refused"], told["accepted"]) > 20
