from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afn.common.canonical import canonical_json
from afn.common.errors import StudyError, nearest
from afn.study.parts.names import MAX_LENGTH, parse_part, part_name, value_text


@pytest.mark.parametrize(
    ("value", "text"),
    [(1e-3, "0.001"), (-5.0, "-5"), (-5, "-5"), (True, "on"), (False, "off"), (None, "none")],
)
def test_numbers_and_words_have_one_text(value, text):
    assert value_text(value) == text


def test_a_part_is_named_by_what_differs_from_its_defaults():
    defaults = {"residual": "learned", "stan_ratio": 2, "lambda_init": -3.0}
    options = {**defaults, "stan_ratio": 8, "residual": "off"}
    assert part_name("afn", defaults, defaults) == "afn"
    assert part_name("afn", options, defaults) == "afn+residual=off+stan_ratio=8"


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,20}", fullmatch=True), st.text(max_size=60)))
def test_names_are_safe_bounded_and_distinct_from_another_setting(options):
    name = part_name("afn", options, {})
    assert len(name) <= MAX_LENGTH
    assert "/" not in name
    assert name == part_name("afn", dict(reversed(options.items())), {})


SAFE = "[A-Za-z0-9_.,@~+=-]*"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("photo 1", "photo_1"),
        ("a/b.pt", "a_b.pt"),
        ("\u0444\u043e\u0442\u043e", "\u0444\u043e\u0442\u0430"),
        ("a:b", "a_b"),
        ("a:b", "a.b"),
        ("mine.norms:Mine", "mine.norms_Mine"),
        (["a,b"], ["a", "b"]),
        (["a,b"], ["a,b "]),
        ([], [""]),
        ([""], [" "]),
        ("e\u0301", "\u00e9"),
    ],
)
def test_other_values_have_other_names(one, other):
    names = [part_name("images", {"folder": value}, {}) for value in (one, other)]
    assert names[0] != names[1]
    assert all(re.fullmatch(SAFE, name) for name in names)


def test_plain_text_and_its_values_keep_their_names():
    """Names of folders that hold results: unambiguous ones stay what they were."""
    texts = ["photo_1", "mnist", "a.b-c", "IMAGENET1K_V1", "a@b", "a,b"]
    assert [value_text(text) for text in texts] == texts
    assert value_text(["fog", "rain_2"]) == "fog,rain_2"


@given(st.lists(st.text(max_size=12), min_size=2, max_size=2, unique=True))
def test_drawn_texts_have_different_names_without_signs_of_a_shell(texts):
    names = [value_text(text) for text in texts]
    assert names[0] != names[1]
    assert all(re.fullmatch(SAFE, name) for name in names)


def test_a_class_of_the_users_own_reads_back():
    name = part_name("mine.norms:Mine", {"optimizer": "mine.opt:Lion"}, {})
    assert name == "mine.norms~Mine+optimizer=mine.opt~Lion"
    assert parse_part(name) == ("mine.norms:Mine", {"optimizer": "mine.opt:Lion"})
    assert parse_part("mine.norms:Mine") == ("mine.norms:Mine", {})


@pytest.mark.parametrize("value", ["-", "@x", ",", "photo_1~17524605593298", "", "1e-3", "off"])
def test_whatever_stands_in_a_name_can_be_read(value):
    name, options = parse_part(f"afn+x={value}")
    assert (name, list(options)) == ("afn", ["x"])


def test_long_names_end_in_a_hash_of_all_settings():
    many = {f"option_number_{i}": i for i in range(40)}
    other = {**many, "option_number_39": 0}
    assert part_name("afn", many, {}) != part_name("afn", other, {})
    assert len(part_name("afn", many, {})) <= MAX_LENGTH


def test_a_name_reads_back():
    assert parse_part("afn+lambda_init=-5+residual=zero") == (
        "afn",
        {"lambda_init": -5, "residual": "zero"},
    )
    with pytest.raises(StudyError, match="not option=value"):
        parse_part("afn+residual")


def test_canonical_json_refuses_what_is_no_json():
    assert canonical_json({"b": 1, "a": [True, None]}) == '{"a":[true,null],"b":1}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(float("nan"))


def test_nearest_names_the_nearest_and_lists_the_valid():
    assert nearest("bacth", ["batch", "layer"]) == "did you mean 'batch'? valid: batch, layer"
    assert nearest("x", []) == "there are none"
