from __future__ import annotations

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
