from __future__ import annotations

import pytest

from afn.common.errors import StudyError
from afn.study.grid.selection import select


@pytest.mark.parametrize(
    ("where", "count"),
    [
        ("", 48),
        ("norm == 'afn' and seed == 3", 1),
        ("norm == 'afn'", 8),
        ("norm.name == 'afn'", 24),
        ("norm.stan_ratio >= 4 and seed in [0, 1]", 4),
        ("experiment == 'ratios'", 24),
        ('norm == "afn" and seed == 3', 1),
        ("experiment == 'norms' and experiment == 'ratios'", 8),
        ("not norm == 'afn' and seed < 2", 10),
        ("norm in ('layer', 'batch') and backbone == 'resnet8' or seed == 7", 20),
        ("norm.name == 'afn' and norm.lambda_init == -3 and recipe.epochs == 2", 24),
    ],
)
def test_where_selects(where, count, small, load):
    small["experiments"]["ratios"]["factors"] = {"norm.stan_ratio": [2, 4, 8]}
    assert len(select(load(small), where)) == count


@pytest.mark.parametrize(
    ("where", "fragment"),
    [
        ("nrom == 'afn'", "unknown name 'nrom'.*did you mean 'norm'"),
        ("norm == 'anf'", "no run has norm == 'anf'; did you mean 'afn'"),
        ("norm.lamda_init == -3", "did you mean 'norm.lambda_init'"),
        ("seed == 99", "no run has seed == 99"),
        ("norm == ", "is not an expression"),
        ("norm", "'norm' in 'norm' is no condition"),
        ("seed == 3 or 4", "'4' in .* is no condition; .* seed in"),
        ("norm == 'afn' or 'batch'", "is no condition"),
        ("norm == 'afn' or True", "is no condition"),
        ("not seed", "is no condition"),
        ("norm == 'afn', 'batch'", "is no condition"),
        ("'anf' != norm", "no run has norm == 'anf'; did you mean 'afn'"),
        ("norm.name != 'anf'", "no run has norm.name == 'anf'; did you mean 'afn'"),
        ("seed == True", "no run has seed == True"),
        ("lr == 0.001", r"did you mean 'recipe\.lr'"),
        ("recipe.learning_rate == 1", r"did you mean 'recipe\.lr'"),
        ("norm == 'afn' && seed == 3", r"did you mean norm == 'afn' and seed == 3\?"),
        ("norm == \u201cafn\u201d", r'did you mean norm == "afn"\?'),
        ("__import__('os').system('true')", "unknown name"),
        ("().__class__", "unknown name"),
        ("seed + 1 == 2", "use comparisons"),
        ("seed < 'a'", "not supported between"),
        ("norm == 'afn' and norm == 'batch'", "selects none of the 48 runs"),
        ("norm = 'afn' and seed == 3", r"did you mean norm == 'afn' and seed == 3\?"),
        ("norm == afn+residual=off", r"did you mean norm == 'afn\+residual=off'\?"),
        ("norm == afn", "unknown name 'afn'.*did you mean the text 'afn'"),
        ("experiment == ratios", "did you mean the text 'ratios'"),
        ("True", "names nothing; valid: backbone"),
        ("norm == {'afn': 1}", "no run has norm == {'afn': 1}"),
        ("norm in [['afn']]", r"no run has norm == \['afn'\]"),
        ("not " * 5000 + "norm == 'afn'", "is not an expression|is nested too deep"),
    ],
)
def test_where_refuses(where, fragment, small, load):
    with pytest.raises(StudyError, match=fragment):
        select(load(small), where)


def test_a_wave_is_named_by_its_number_and_only_where_there_are_waves(small, load):
    study = load(small | {"seeds": {"wave": 3, "at_most": 9}, "plan": small["plan"]})
    cells = len(study.cells())
    second = select(study, "wave == 2")
    assert {run.seed for run in second} == {3, 4, 5}
    assert len(second) == 3 * cells
    assert len(select(study, "wave > 1 and norm == 'afn'")) == 6 * len(
        {run.cell.path for run in select(study, "norm == 'afn'")}
    )
    with pytest.raises(StudyError, match="no run has wave == 4"):
        select(study, "wave == 4")
    with pytest.raises(StudyError, match="unknown name 'wave'"):
        select(load(small), "wave == 1")
