"""A package of somebody else's, with one of everything that a study can name, written to a folder.

Its modules import this project and are imported by nothing of it; ``install`` also writes what pip
would write beside them, so that short names are offered.
"""

from __future__ import annotations

from pathlib import Path

FILES = {
    "norms.py": """
from typing import Annotated

from annotated_types import Gt

from afn.normalization import Batch2d


class Scaled2d(Batch2d):
    statistics = ("running", "batch")
    shown = {"label": "Scaled BatchNorm"}

    def __init__(self, num_features, *, scale: Annotated[float, Gt(0)] = 0.5):
        super().__init__(num_features)
        self.scale = scale

    def forward(self, x):
        return self.scale * super().forward(x)
""",
    "networks.py": """
from typing import Annotated

from annotated_types import Ge
from torch import nn


class Tiny(nn.Module):
    def __init__(self, norm, in_channels, num_classes, width):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, width, 3, padding=1)
        self.norm = norm(width)
        self.head = nn.Linear(width, num_classes)

    def maps(self, x):
        return self.norm(self.conv(x)).relu()

    def embed(self, maps):
        return maps.mean((2, 3))

    def features(self, x):
        return self.embed(self.maps(x))

    def forward(self, x):
        return self.head(self.features(x))


def tiny(norm, *, in_channels, num_classes, image_size, width: Annotated[int, Ge(1)] = 8):
    if image_size < 4:
        raise ValueError("tiny needs images of at least 4 pixels")
    return Tiny(norm, in_channels, num_classes, width)
""",
    "tasks.py": '''
import numpy as np

from afn.tasks.base import Prepared, TestSet


class Stripes:
    """Which way the stripes go."""

    num_classes = 2
    in_channels = 1
    image_size = 8
    class_names = ("across", "down")
    conditions = ("dark",)
    severities = (1,)
    domains = ()
    plan_sizes = {"train": 120, "test": 60}

    def prepare(self, data_dir=None):
        draws = np.random.RandomState(0)
        arrays = {}
        for part, n in (("train", 120), ("val", 40), ("test", 60)):
            labels = np.arange(n) % 2
            lines = draws.randint(0, 256, (n, 8)).astype(np.uint8)
            images = np.where(labels[:, None, None], lines[:, None, :], lines[:, :, None])
            arrays[f"{part}_images"] = np.broadcast_to(images, (n, 8, 8))[..., None].copy()
            arrays[f"{part}_labels"] = labels.astype(np.int64)
        arrays["dark_images"] = arrays["test_images"] // 4
        return Prepared(
            arrays,
            [
                TestSet("clean", 0, "test_images", "test_labels"),
                TestSet("dark", 1, "dark_images", "test_labels"),
            ],
        )
''',
    "weather.py": """
def fog(images, severity, seed):
    share = 0.1 * severity
    return (1 - share) * images + share
""",
    "recipes.py": '''
from afn.training.algorithms.plain import Plain


class Doubled(Plain):
    """Twice the loss: not what plain gives under another name."""

    def __init__(self, *, times: float = 2.0):
        self.times = times

    def loss(self, model, images, labels, label_smoothing):
        loss, logits = super().loss(model, images, labels, label_smoothing)
        return self.times * loss, logits
''',
    "parts.py": """
from afn.training.augmentations.moves import Moves
from afn.training.optimizers.base import Optimizer
from afn.training.schedules.constant import Constant


class Signs(Optimizer):
    def update(self, group, lr, gradients, parameters):
        for parameter, gradient in zip(parameters, gradients):
            parameter.sub_(lr * gradient.sign())


class Half(Constant):
    def lr(self, epoch):
        return self.start / 2


class Two(Moves):
    def padding(self, size):
        return 2
""",
    "report.py": """
import pandas as pd
from matplotlib.figure import Figure

from analysis.added import Section
from analysis.display.table import Table
from analysis.figures.drawing.picture import Picture


def histogram(inputs):
    figure = Figure(figsize=(4, 2))
    values = inputs.tested["accuracy"]
    figure.add_subplot().hist(values)
    numbers = pd.DataFrame({"value": values})
    words = ("All accuracies", "One bar per bin.", "Bars.")
    yield Picture("all-accuracies", "", figure, *words, numbers)


def best(inputs):
    means = inputs.tested.groupby("norm")["accuracy"].mean()
    frame = means.reset_index()
    rows = [[norm, f"{mean:.1f}"] for norm, mean in means.items()]
    yield Table("best", "Means by norm", "Over everything.", ["norm", "mean"], "lr", rows, frame)


def remark(inputs):
    return Section("A remark", (f"{len(inputs.decisions)} decisions <were> made.",))
""",
}
OFFERED = {
    "norm": {"scaled": "somebody.norms:Scaled2d"},
    "backbone": {"tiny": "somebody.networks:tiny"},
    "task": {"stripes": "somebody.tasks:Stripes"},
    "condition": {"fog": "somebody.weather:fog"},
    "recipe": {"doubled": "somebody.recipes:Doubled"},
    "optimizer": {"signs": "somebody.parts:Signs"},
    "schedule": {"half": "somebody.parts:Half"},
    "augmentation": {"two": "somebody.parts:Two"},
    "figure": {"histogram": "somebody.report:histogram"},
    "table": {"best": "somebody.report:best"},
    "section": {"remark": "somebody.report:remark"},
}
"""Kind -> short name -> what it stands for."""


def install(folder: Path) -> Path:
    """Write the package, and what pip writes beside one; returns what belongs on Python's path."""
    package = folder / "somebody"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    for name, text in FILES.items():
        (package / name).write_text(text.lstrip())
    info = folder / "somebody-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: somebody\nVersion: 1.0\n")
    groups = [
        "\n".join([f"[afn_study.{kind}]", *(f"{name} = {to}" for name, to in names.items()), ""])
        for kind, names in OFFERED.items()
    ]
    (info / "entry_points.txt").write_text("\n".join(groups))
    return folder


def long_name(kind: str) -> str:
    return next(iter(OFFERED[kind].values()))


def study(*, short: bool, outside: bool = True) -> dict:
    """A study that names one of each, by short or by long names; or nothing from outside.

    Its experiment ``usual`` is the same in all forms: runs that nothing outside may change.
    """

    def named(kind: str) -> str:
        return next(iter(OFFERED[kind])) if short else long_name(kind)

    experiments = {
        "usual": {"factors": {"norm": ["batch", "instance"]}, "contrasts": [["instance", "batch"]]}
    }
    document = {
        "study": "outside",
        "question": "Does one of each from outside work?",
        "seeds": 2,
        "base": {
            "task": "digits8x8",
            "backbone": "convnet_small",
            "norm": "batch",
            "recipe": {"epochs": 1, "batch_size": 256},
        },
        "experiments": experiments,
        "plan": {"outcomes": ["clean"], "primary": ["usual"], "strict": False},
    }
    if outside:
        experiments["norms"] = {
            "factors": {"norm": [named("norm"), "batch"]},
            "contrasts": [[named("norm"), "batch"]],
        }
        experiments["networks"] = {"factors": {"backbone": [named("backbone")]}}
        experiments["tasks"] = {"factors": {"task": [named("task")]}}
        fogged = {"name": "shifted", "more": [named("condition")]}
        experiments["conditions"] = {"factors": {"task": [fogged]}}
        own = {"name": named("recipe"), "epochs": 1, "optimizer": named("optimizer")}
        own |= {"schedule": named("schedule"), "augmentation": named("augmentation")}
        experiments["recipes"] = {"factors": {"recipe": [own]}}
        document["report"] = {f"{k}s": [named(k)] for k in ("figure", "table", "section")}
    return document
