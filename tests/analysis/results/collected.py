"""The study whose runs the tests of this folder collect, and what they say of it."""

from __future__ import annotations

import json

from afn.common.canonical import sealed
from tests.analysis.small_study import CONDITIONS, SEVERITIES

CONFIG = {
    "study": "tiny",
    "question": "Does it collect?",
    "seeds": 6,
    "protocols": {
        "running": {"statistics": "running"},
        "test_batch": {"statistics": "batch", "batch_size": 120},
    },
    "base": {"task": "digits8x8", "backbone": "resnet8", "norm": "afn"},
    "experiments": {
        "methods": {
            "factors": {"norm": ["batch", "asr", "afn"]},
            "contrasts": [["afn@test_batch", "batch@test_batch"]],
        },
        "lambda_init": {
            "factors": {"norm.lambda_init": [-1, -3, -5]},
            "trend": "norm.lambda_init",
        },
    },
    "plan": {"outcomes": ["shift"], "primary": ["methods"]},
}
KEYS = ["task", "backbone", "norm", "recipe", "seed"]
TESTS = [("clean", 0), *((c, s) for c in CONDITIONS for s in SEVERITIES)]


def result_of(runs, norm, seed):
    return runs / "digits8x8/resnet8" / norm / "plain" / f"seed{seed}" / "result.json"


def other_machine(results, seeds, **changed):
    """The rows of some seeds, as another machine would have made them."""
    return results[results.seed.isin(seeds)].assign(**changed)


def edit(**changes):
    """A change of a result that is sealed again."""

    def spoil(path):
        document = json.loads(path.read_text())
        path.write_text(json.dumps(sealed({**document, **changes})))

    return spoil
