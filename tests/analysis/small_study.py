"""A real study with the default study's shape, without its search: what the analysis is tested on.

`small_study` goes through the one way to a study, `study_from_mapping`, so that a test of decisions
meets the names, protocols and settings that a user's study has.
"""

from __future__ import annotations

from typing import Any

from afn.study.grid.cells import Cell, Study
from afn.study.loading import study_from_mapping

TASK, RECIPE, IMAGES, EPOCHS = "digits8x8", "plain", 360, 12
BACKBONES = ("convnet_small", "resnet8")
CONDITIONS = ("noise", "blur", "contrast", "brightness", "translation", "occlusion")
SEVERITIES = (1, 3, 5)
LAYERS = {
    "convnet_small": ("features.norm1", "features.norm2"),
    "resnet8": ("stem.norm", "blocks.0.norm1", "blocks.0.norm2", "blocks.1.norm1"),
}
QUESTION = (
    "Does AFN beat the normalisations it fuses, and is its gain more than test-batch statistics?"
)
NORMS = ["batch", "instance", "layer", "group", "switchable", "batch_instance", "asr", "afn"]
FILE: dict[str, Any] = {
    "study": "synthetic",
    "question": QUESTION,
    "protocols": {
        "running": {"statistics": "running"},
        "test_batch": {"statistics": "batch", "batch_size": 120},
    },
    "base": {
        "task": TASK,
        "backbone": "resnet8",
        "norm": "afn",
        "recipe": {"epochs": EPOCHS, "optimizer": "adam", "lr": 0.001, "batch_size": 64},
    },
    "experiments": {
        "normalizations": {
            "factors": {"backbone": list(BACKBONES), "norm": [*NORMS, "afn_released"]},
            "contrasts": [
                ["afn", "batch"],
                ["afn", "asr"],
                ["afn@test_batch", "batch@test_batch"],
                ["batch@test_batch", "batch"],
                ["afn_released", "batch@test_batch"],
            ],
        },
        "lambda_init": {
            "factors": {"norm.lambda_init": [-1, -3, -5, -7]},
            "trend": "norm.lambda_init",
        },
        "bottleneck": {
            "factors": {"norm.stan_ratio": [2, 8], "norm.rescale_ratio": [4, 16]},
            "analysis": "factorial",
        },
        "residual_fusion": {
            "factors": {"norm.residual": ["learned", "fixed", "off", "zero"]},
            "contrasts": [["afn+residual=off", "afn"], ["afn+residual=zero", "afn"]],
        },
    },
}
PLAN = {
    "outcomes": ["clean", "shift"],
    "primary": ["normalizations", "residual_fusion"],
    # Tests ask what is said with too few seeds, too; a strict plan refuses those.
    "strict": False,
}


def small_study(seeds: int = 10, **plan: Any) -> Study:
    """The study with this number of seeds; ``plan`` changes fields of its plan (``margin=0.5``)."""
    return study_from_mapping(FILE | {"seeds": seeds, "plan": PLAN | plan}, "small_study")


def protocols_of(cell: Cell) -> list[str]:
    """The declared protocols under which a cell is tested; those of a sweep are left out."""
    return [name for name in ("any", "running", "test_batch") if name in cell.protocols]
