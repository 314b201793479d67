from __future__ import annotations

import json

import jsonschema
import pytest

from afn.study.grid.reading import read_mapping
from afn.study.grid.schema import json_schema
from tests.shipped import FILES, ROOT, each

SCHEMA = ROOT / "workflow/schemas/study.schema.json"


@pytest.mark.about(SCHEMA.relative_to(ROOT))
def test_the_exported_schema_is_up_to_date():
    assert json.loads(SCHEMA.read_text()) == json_schema(), "run: make schema"


@pytest.mark.parametrize("path", each(FILES))
def test_every_shipped_study_fits_the_schema(path):
    jsonschema.validate(read_mapping(path), json_schema())


def test_the_schema_refuses_an_unknown_key():
    study = {**read_mapping(ROOT / "config.yaml"), "quesiton": "?"}
    with pytest.raises(jsonschema.ValidationError, match="quesiton"):
        jsonschema.validate(study, json_schema())
