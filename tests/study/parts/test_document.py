"""YAML 1.2 and its limits; what is read is compared with ruamel.yaml, which wrote none of this."""

from __future__ import annotations

import math
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from afn.common.errors import StudyError
from afn.study.parts import document
from tests.drawing import examples

SPECIFICATION = {
    "null": None, "Null": None, "~": None, "": None, "true": True, "True": True, "FALSE": False,
    "0": 0, "0o7": 7, "0x3A": 58, "-19": -19, "0.": 0.0, "-0.0": -0.0, ".5": 0.5, "+12e03": 12e3,
    "-2E+05": -2e5, ".inf": math.inf, "-.Inf": -math.inf, "+.INF": math.inf,
}  # fmt: skip
"""The examples of YAML 1.2.2, section 10.3.2."""
ELSEWHERE = {
    "010": 10, "08": 8, "1:30": "1:30", "-1:30:15": "-1:30:15", "yes": "yes", "no": "no",
    "on": "on", "off": "off", "y": "y", "1e-4": 1e-4, "1e-1": 0.1, "+1": 1, "0o8": "0o8",
}  # fmt: skip
"""What YAML 1.1 reads as something else."""
TEXT_IN_THE_CORE = {"1_000": "1_000", "0b11": "0b11", "2001-01-01": "2001-01-01", "=": "="}
"""What ruamel.yaml reads as something else, though it reads YAML 1.2."""


def oracle(text: str) -> object:
    return YAML(typ="safe", pure=True).load(text)


def same(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return type(one) is type(other) and one == other


@pytest.mark.parametrize("text", [*SPECIFICATION, *ELSEWHERE])
def test_a_scalar_is_what_yaml_1_2_says(text):
    expected = {**SPECIFICATION, **ELSEWHERE}[text]
    assert same(document.read(f"a: {text}", "x")["a"], expected)
    assert same(document.scalar(text, "x"), expected)
    assert same(oracle(f"a: {text}")["a"], expected)


@pytest.mark.parametrize("text", TEXT_IN_THE_CORE)
def test_what_the_core_schema_does_not_know_is_text(text):
    assert document.read(f"a: {text}", "x")["a"] == TEXT_IN_THE_CORE[text]


def test_not_a_number():
    assert math.isnan(document.read("a: .NaN", "x")["a"])


NUMBERLIKE = st.text("0123456789.+-eExob:_infaN~tru", min_size=1, max_size=7)


@settings(max_examples=examples(300))
@given(NUMBERLIKE)
def test_drawn_scalars_are_read_as_by_the_oracle(text):
    """A number is never another number, and no truth value or null comes from other text."""
    try:
        ours = document.read(f"a: {text}", "x")
    except StudyError:
        return
    if not isinstance(ours, dict) or ours.get("a") == text:
        return  # text stays as it is written
    try:
        theirs = oracle(f"a: {text}")
    except (YAMLError, ValueError):
        return
    assert list(ours) == list(theirs)
    assert same(ours["a"], theirs["a"])


def test_tags_quotes_anchors_and_merges():
    text = (
        'a: !!str 10\nb: "10"\nc: !!float 3\nd: &x {e: 1, f: 2}\ng: {<<: *x, f: 3}\nh: [*x, *x]\n'
    )
    value = document.read(text, "x")
    assert value == oracle(text)
    assert value["h"][0] is not value["h"][1]
    assert same(value["c"], 3.0)


def test_halves_of_a_character_that_json_writes_are_one():
    assert document.read('{"a": "\\ud83d\\ude00"}', "x") == {"a": "\U0001f600"}


LEVELS = 400_000
MONSTERS = {
    "an anchor that holds itself": ("a: &a [*a]", "a.0: its anchor holds an alias of itself"),
    "a mapping that holds itself": ("a: &a {b: {c: *a}}", "a.b.c: its anchor holds"),
    "a billion laughs": (
        "a0: &a0 [ha]\n"
        + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)),
        "aliases make more than 100,000 values",
    ),
    "quadratic laughs": (
        "a: &a [" + "1," * 5000 + "]\nb: [" + "*a," * 5000 + "]",
        "aliases make more than 100,000 values",
    ),
    "levels": ("a: " + "[" * LEVELS, "nested deeper than 30 levels"),
    "closed levels": ("a: " + "[" * LEVELS + "]" * LEVELS, "nested deeper than 30 levels"),
    "levels of mappings": ("{a: " * 200_000, "nested deeper than 30 levels"),
    "levels of dashes": ("a:\n" + "- " * LEVELS, "nested deeper than 30 levels"),
    "levels of aliases": (
        "a0: &a0 [1]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 40)),
        "aliases nest it deeper than 30 levels",
    ),
    "a list without end": ("a: [" + "1," * 30_000 + "]", "more than 20,000 values"),
    "half a character": ('a: "\\ud800"', "a: holds the character U+D800"),
    "half a character in a key": ('"\\udfff": 1', "holds the character U+DFFF"),
    "a NUL": ('a: {b: "x\\0"}', "a.b: holds the character U+0000"),
    "a number of digits": ("a: " + "9" * 6000, "a: a number of 6,000 digits"),
    "a key that is a list": ("a: {[1]: 2}", "a: a key is text or a number"),
    "a key given twice": ("a: 1\nb: 2\na: 3", "x:3: a: is given twice"),
    "a merge of text": ("a: {<<: b}", "a.<<: takes over the keys of mappings only"),
    "a tag of Python": ("a: !!python/name:os.system x", "the tag !!python/name:os.system has no"),
    "a date by tag": ("a: !!timestamp 2001-01-01", "the tag !!timestamp has no place"),
    "an octal of YAML 1.1": ("a: !!bool yes", "'yes' is no bool of YAML 1.2"),
    "a tag that says nothing": (
        "a: [1, ! 12]",
        "x:1: not valid YAML: the tag ! alone has no place",
    ),
    "a line of YAML 1.1": ("a: 1 # b\u2028c: 2", "x:1: holds the character U+2028, which ends"),
    "a paragraph of YAML 1.1": ("a: |\n  b\u2029  c", "x:2: holds the character U+2029"),
    "a next line": ("a: 1\x85b: 2", "x:1: holds the character U+0085"),
    "another version": ("%YAML 1.1\n---\na: 010", "is written in YAML 1.1; studies are YAML 1.2"),
    "two documents": ("a: 1\n---\na: 2", "not valid YAML"),
    "an unknown alias": ("a: *b", "x:1: not valid YAML: found undefined alias"),
}


@pytest.mark.parametrize("monster", MONSTERS)
def test_a_monster_is_one_message_within_seconds(monster):
    text, fault = MONSTERS[monster]
    begun = time.process_time()
    with pytest.raises(StudyError) as caught:
        document.read(text, "x")
    assert time.process_time() - begun < 10
    message = str(caught.value)
    assert message.startswith("x:")
    assert fault in message
    assert len(message.splitlines()) == 1


def test_an_empty_document_is_nothing():
    assert document.read("", "x") is None
    assert document.read("# only words\n", "x") is None
