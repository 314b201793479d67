"""What figures of trends and of grids share: the cells of an item, and how their figures are named.

In: items of ablations.json. Out: names, protocols, backbones, pictures by group. Called by `trends`
and `grids` beside this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from analysis.decisions.factor_levels import factors_of, method_of, recipe_of
from analysis.display import formatting, naming
from analysis.figures.drawing.picture import Picture
from analysis.figures.drawing.tidy import t_level
from analysis.inputs import Inputs


def drawn(
    inputs: Inputs, items: list[dict], kind: str, draw: Callable[..., Picture]
) -> Iterator[Picture]:
    """A figure for every experiment, task, recipe and method of the items."""
    for key in dict.fromkeys((i["experiment"], i["task"], i["recipe"]) for i in items):
        own = [i for i in items if (i["experiment"], i["task"], i["recipe"]) == key]
        methods = dict.fromkeys(method_of(i) for i in own)
        for number, norm in enumerate(methods):
            trained = recipe_of(own[0])
            name = inputs.stem(f"{kind}-{key[0]}", key[1], trained)
            told = inputs.on(key[1], trained)
            if len(methods) > 1:
                name, told = f"{name}-{number + 1}", f"{told}, {naming.norm(norm)}"
            yield draw(inputs, [i for i in own if method_of(i) == norm], name, told)


def backbones(inputs: Inputs, item: dict) -> list[str]:
    """The backbones over which an item's scores are means."""
    own = inputs.study.experiments[item["experiment"]].cells
    found = [c.backbone for c in own if (c.task, c.recipe) == (item["task"], item["recipe"])]
    return list(dict.fromkeys(found))


def mean_of(inputs: Inputs, item: dict) -> str:
    """What the scores of an item are means of, beside seeds."""
    if "backbone" in factors_of(item):
        return ""
    nets = backbones(inputs, item)
    return f" over {formatting.count(len(nets), 'backbone')}" if len(nets) > 1 else ""


def protocol(inputs: Inputs, item: dict) -> str:
    """The protocol under which trends and grids are scored: the first that a cell is tested
    under."""
    own = inputs.study.experiments[item["experiment"]].cells
    first = next(c for c in own if (c.task, c.recipe) == (item["task"], item["recipe"]))
    return inputs.scores.protocol(first, None)


def level(inputs: Inputs) -> str:
    return t_level(1 - inputs.study.plan.alpha)
