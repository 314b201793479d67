"""What a paper cites: the works behind methods, networks, data, recipes and tests.

In: names of registered parts, and keys that were cited. Out: keys of ``references.bib`` beside
this file, and the BibTeX of those that were cited. Called by the paragraphs and by the command. A
part of another package has no work here and is cited nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

LIBRARY = Path(__file__).with_name("references.bib")

NORMS = {
    "batch": ("ioffe2015",),
    "instance": ("ulyanov2016",),
    "layer": ("ba2016",),
    "group": ("wu2018",),
    "switchable": ("luo2018",),
    "batch_instance": ("nam2018",),
    "asr": ("fan2021",),
    "afn": ("zhou2023",),
    "afn_released": ("zhou2023",),
}
BACKBONES = {
    "convnet": ("volpi2018",),
    "convnet_small": (),
    "resnet": ("he2016",),
    "vgg": ("simonyan2015",),
}
BACKBONES |= {"wrn": ("zagoruyko2016",), "wide_resnet": ("zagoruyko2016",)}
"""By the beginning of a backbone's name; the longest that fits counts."""
TASKS = {
    "digits8x8": ("alpaydin1998", "pedregosa2011"),
    "digits": ("lecun1998", "hull1994", "netzer2011", "ganin2015"),
    "cifar10": ("krizhevsky2009",),
    "cifar100": ("krizhevsky2009",),
    "cifar10_c": ("krizhevsky2009", "hendrycks2019"),
    "pacs": ("li2017",),
}
RECIPES = {"rsc": ("huang2020",), "ada": ("volpi2018",)}
OPTIMIZERS = {"adam": ("kingma2015",), "adamw": ("loshchilov2019",)}
SCHEDULES = {"cosine": ("loshchilov2017",)}
AUGMENTATIONS = {"released": ("cubuk2019",)}
SAMPLERS = {"tpe": ("bergstra2011",), "random": ("bergstra2012",)}


def of_backbone(name: str) -> tuple[str, ...]:
    """Keys of a registered backbone.

    >>> of_backbone("resnet8"), of_backbone("laboratory.nets:Mine")
    (('he2016',), ())
    """
    fits = [start for start in BACKBONES if name.startswith(start)]
    return BACKBONES[max(fits, key=len)] if fits else ()


def library() -> dict[str, str]:
    """Every entry of the library by its key, as it is written."""
    text = LIBRARY.read_text(encoding="utf-8")
    entries = re.finditer(r"^@\w+\{([\w:-]+),\n.*?^\}", text, flags=re.DOTALL | re.MULTILINE)
    return {entry[1]: entry[0] for entry in entries}


def bibliography(keys: Iterable[str]) -> str:
    """BibTeX of some keys, in the order of the alphabet.

    Raises
    ------
    KeyError
        For a key that is not in the library.
    """
    known = library()
    return "\n\n".join(known[key] for key in sorted(set(keys))) + "\n"
