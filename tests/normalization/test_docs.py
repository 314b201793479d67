"""The code in docs/layers.md runs, and what it says about defaults is true."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest
import torch

from afn import AFN2d

pytestmark = pytest.mark.about("docs/layers.md")
PAGE = Path(__file__).parents[2] / "docs" / "layers.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.S)


@pytest.mark.parametrize("index", range(len(BLOCKS)))
def test_code_runs(index, capsys):
    torch.manual_seed(0)
    loader = [(torch.randn(4, 3, 64, 64), torch.arange(4)) for _ in range(2)]
    exec(compile(BLOCKS[index], str(PAGE), "exec"), {"loader": loader})
    if index == 0:
        printed = capsys.readouterr().out
        assert "replaced 20 layers" in printed
        assert "folded 20" in printed


def test_fine_tuning_takes_ten_lines():
    code = [line for line in BLOCKS[0].splitlines() if line.strip() and "import" not in line]
    assert len(code) <= 10


def test_options_and_defaults_are_those_of_the_layer():
    rows = re.findall(r"^\| (`.*?) \| (.*?) \|", PAGE.read_text(), flags=re.M)
    said = {}
    for names, values in rows:
        names = re.findall(r"`(\w+)`", names)
        values = [v.strip("` ") for v in values.split(",")]
        said |= dict(zip(names, values * len(names) if len(values) == 1 else values, strict=False))
    parameters = inspect.signature(AFN2d).parameters.values()
    real = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    assert said.keys() == real.keys()
    for name, default in real.items():
        assert ast.literal_eval(said[name]) == default, name
