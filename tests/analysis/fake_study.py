"""A stand-in for a resolved study: the part of ``afn.study`` that the analysis reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

TASK, RECIPE, CLASSES, IMAGES, EPOCHS = "digits8x8", "plain", 10, 360, 12
BACKBONES = ("convnet_small", "resnet8")
NORMS = (
    "batch",
    "instance",
    "layer",
    "group",
    "switchable",
    "batch_instance",
    "asr",
    "afn",
    "afn_released",
)
LAMBDAS = {-1.0: "afn+lambda_init=-1", -3.0: "afn", -5.0: "afn+lambda_init=-5"}
LAMBDAS[-7.0] = "afn+lambda_init=-7"
BOTTLENECK = {
    (2, 16): "afn",
    (8, 16): "afn+stan_ratio=8",
    (2, 4): "afn+rescale_ratio=4",
    (8, 4): "afn+rescale_ratio=4+stan_ratio=8",
}
RESIDUAL = {
    "learned": "afn",
    "fixed": "afn+residual=fixed",
    "off": "afn+residual=off",
    "zero": "afn+residual=zero",
}
CONDITIONS = ("noise", "blur", "contrast", "brightness", "translation", "occlusion")
SEVERITIES = (1, 3, 5)
PROTOCOLS = {
    "running": {"statistics": "running"},
    "test_batch": {"statistics": "batch", "batch_size": 120},
}
LAYERS = {
    "convnet_small": ("features.norm1", "features.norm2"),
    "resnet8": ("stem.norm", "blocks.0.norm1", "blocks.0.norm2", "blocks.1.norm1"),
}
QUESTION = (
    "Does AFN beat the normalisations it fuses, and is its gain more than test-batch statistics?"
)

_WITHOUT_BATCH = ("instance", "layer", "group", "asr")


def protocols_of(norm: str) -> tuple[str, ...]:
    """The protocols under which a norm is tested, as the study would resolve them."""
    name = norm.split("+")[0]
    if name in _WITHOUT_BATCH:
        return ("any",)
    return ("test_batch",) if name == "afn_released" else ("running", "test_batch")


@dataclass(frozen=True)
class FakeCell:
    """A cell with the attributes of ``afn.study``'s."""

    task: str
    backbone: str
    norm: str
    recipe: str = RECIPE
    experiments: tuple[str, ...] = ()
    settings: dict = field(default_factory=dict, compare=False, hash=False)
    search: str = ""
    repeat: int | None = None
    seeds: tuple[int, ...] | None = None

    @property
    def pooled_recipe(self) -> str:
        return self.recipe

    @property
    def path(self) -> str:
        return f"{self.task}/{self.backbone}/{self.norm}/{self.recipe}"

    @property
    def protocols(self) -> dict[str, dict]:
        every = {"any": {"statistics": "any"}, **PROTOCOLS}
        return {name: every[name] for name in protocols_of(self.norm)}


def settings_of(norm: str, backbone: str, task: str = TASK) -> dict:
    """The resolved settings behind a canonical norm name."""
    name, *options = norm.split("+")
    resolved: dict = {"name": name}
    if name == "afn":
        resolved |= {"lambda_init": -3.0, "stan_ratio": 2, "rescale_ratio": 16}
        resolved |= {"residual": "learned"}
    for option in options:
        key, text = option.split("=")
        old = resolved.get(key)
        resolved[key] = text if isinstance(old, str) else type(old)(text)
    recipe = {"name": RECIPE, "epochs": EPOCHS, "optimizer": "adam", "lr": 0.001}
    recipe |= {"batch_size": 64, "schedule": "cosine"}
    return {
        "task": {"name": task},
        "backbone": {"name": backbone},
        "norm": resolved,
        "recipe": recipe,
    }


class FakeStudy:
    """The part of a resolved study that the analysis reads."""

    def __init__(self, seeds: int = 10, *, backbones=BACKBONES, tasks=(TASK,), **plan):
        self.name, self.question = "synthetic", QUESTION
        self.seeds, self.protocols = list(range(seeds)), dict(PROTOCOLS)
        self.looks, self.waves = (), [self.seeds]
        self.plan = SimpleNamespace(
            metric="accuracy",
            outcomes=["clean", "shift"],
            alpha=0.05,
            margin=1.0,
            estimand="these_backbones",
            target="these_images",
            primary=["normalizations", "residual_fusion"],
            correction="holm",
            diverged="chance",
            strict=True,
        )
        for key, value in plan.items():
            setattr(self.plan, key, value)
        self.tasks, self.backbones = tuple(tasks), tuple(backbones)
        base = self.backbones[-1]
        pair = lambda *arms: [SimpleNamespace(a=a, b=b) for a, b in arms]  # noqa: E731
        grid = {
            "normalizations": [(b, n) for b in self.backbones for n in NORMS],
            "lambda_init": [(base, n) for n in LAMBDAS.values()],
            "bottleneck": [(base, n) for n in BOTTLENECK.values()],
            "residual_fusion": [(base, n) for n in RESIDUAL.values()],
        }
        keys = [(t, b, n) for t in self.tasks for e in grid.values() for b, n in e]
        self._cells = {
            key: FakeCell(
                *key,
                experiments=tuple(e for e, where in grid.items() if key[1:] in where),
                settings=settings_of(key[2], key[1], key[0]),
            )
            for key in dict.fromkeys(keys)
        }
        contrasts = {
            "normalizations": pair(
                ("afn", "batch"),
                ("afn", "asr"),
                ("afn@test_batch", "batch@test_batch"),
                ("batch@test_batch", "batch"),
                ("afn_released", "batch@test_batch"),
            ),
            "residual_fusion": pair(("afn+residual=off", "afn"), ("afn+residual=zero", "afn")),
        }
        factors = {
            "normalizations": {"backbone": list(self.backbones), "norm": list(NORMS)},
            "lambda_init": {"norm.lambda_init": [-1.0, -3.0, -5.0, -7.0]},
            "bottleneck": {"norm.stan_ratio": [2, 8], "norm.rescale_ratio": [4, 16]},
            "residual_fusion": {"norm.residual": ["learned", "fixed", "off", "zero"]},
        }
        self.experiments = {
            name: SimpleNamespace(
                name=name,
                cells=[self._cells[t, b, n] for t in self.tasks for b, n in where],
                contrasts=contrasts.get(name, []),
                trend="norm.lambda_init" if name == "lambda_init" else None,
                analysis="factorial" if name == "bottleneck" else "contrasts",
                factors=factors[name],
            )
            for name, where in grid.items()
        }

    def num_classes(self, task: str) -> int:
        return CLASSES

    def seeds_of(self, cell: FakeCell) -> list[int]:
        return self.seeds

    def cells(self) -> list[FakeCell]:
        return list(self._cells.values())
