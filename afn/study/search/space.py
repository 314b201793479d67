"""The space of a search: the domain of each of its keys, read and checked.

In: the ``space`` of a search as written. Out: a mapping of each key (part.option) to its domain, in
the order in which values are drawn. Called by `afn.study.search.groups`.
"""

from __future__ import annotations

import math
from typing import Any

from afn.common.errors import StudyError, nearest
from afn.study.parts.catalogue import entry, place_of
from afn.study.parts.names import Factor

SEARCHED = ("backbone", "norm", "recipe")
_FORMS = ("log", "uniform", "int")


def parse_domain(value: object) -> dict[str, Any]:
    """Read a domain of the space: its kind with bounds, or its choices.

    >>> parse_domain({"log": [0.001, 0.1]})
    {'kind': 'float', 'low': 0.001, 'high': 0.1, 'log': True}

    Raises
    ------
    StudyError
        For an unknown form, or bounds that are none.
    """
    if isinstance(value, list):
        choices = [{False: "off", True: "on"}[v] if isinstance(v, bool) else v for v in value]
        if len(choices) < 2 or any(choices.count(c) > 1 for c in choices):
            raise StudyError("a list of choices needs two or more different values")
        return {"kind": "categorical", "choices": choices}
    if not isinstance(value, dict):
        raise StudyError("a domain is a list of choices, or a mapping such as {log: [1e-4, 0.1]}")
    rest = dict(value)
    when = rest.pop("when", None)
    if "choices" in rest and len(rest) == 1:
        domain = parse_domain(rest["choices"])
    else:
        domain = _numeric(rest)
    if when is None:
        return domain
    if not isinstance(when, dict) or not when:
        raise StudyError("when is a mapping of another key of the space to its values")
    values = {key: v if isinstance(v, list) else [v] for key, v in when.items()}
    return {**domain, "when": values}


def _numeric(given: dict[str, Any]) -> dict[str, Any]:
    forms = [key for key in _FORMS if isinstance(given.get(key), list)]
    allowed = {"int", "log", "step"} if "int" in given else set(_FORMS[:2])
    unknown = [key for key in given if key not in allowed]
    if unknown:
        valid = nearest(str(unknown[0]), (*_FORMS, "choices", "when"))
        raise StudyError(f"unknown key {unknown[0]!r}; {valid}")
    if len(forms) != 1:
        raise StudyError("one of log, uniform or int with [low, high] is needed")
    form, bounds = forms[0], given[forms[0]]
    numbers = all(isinstance(b, int | float) and not isinstance(b, bool) for b in bounds)
    if len(bounds) != 2 or not numbers or not all(map(math.isfinite, bounds)):
        raise StudyError(f"{form} = {bounds!r}: two numbers [low, high] are needed")
    low, high = bounds
    log = form == "log" or given.get("log") is True
    if low >= high or (log and low <= 0):
        raise StudyError(
            f"{form} = {bounds!r}: low must be below high" + (" and above 0" if log else "")
        )
    if form != "int":
        return {"kind": "float", "low": float(low), "high": float(high), "log": log}
    if int(low) != low or int(high) != high:
        raise StudyError(f"int = {bounds!r}: the bounds must be whole numbers")
    step = given.get("step", 1)
    if type(step) is not int or step < 1 or (log and step != 1):
        raise StudyError(f"step = {step!r}: a whole number of at least 1, and none with log")
    low, high = int(low), int(high)
    if rest := (high - low) % step:
        near = [high - rest, high - rest + step] if high - rest > low else [high - rest + step]
        raise StudyError(
            f"int = {bounds!r} with step {step}: {high} is never reached; nearest valid: "
            + " or ".join(f"[{low}, {end}]" for end in near)
        )
    return {"kind": "int", "low": low, "high": high, "log": log, "step": step}


def parse_space(space: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Read a whole space and check its conditions; the order of keys is kept.

    Raises
    ------
    StudyError
        Names the key.
    """
    domains: dict[str, dict[str, Any]] = {}
    for key, value in space.items():
        part, option = Factor.parse(key)
        if part not in SEARCHED or not option:
            raise StudyError(f"{key}: a key is part.option; {place_of(key, SEARCHED)}")
        try:
            domains[key] = parse_domain(value)
        except StudyError as error:
            raise StudyError(f"{key}: {error}") from None
    for key, domain in domains.items():
        for other, values in domain.get("when", {}).items():
            _check_condition(domains, key, other, values)
    return domains


def _check_condition(domains: dict[str, Any], key: str, other: str, values: list[Any]) -> None:
    if other not in domains:
        raise StudyError(f"{key}.when: {other!r} is not in the space; {nearest(other, domains)}")
    if domains[other]["kind"] != "categorical":
        raise StudyError(f"{key}.when: {other} is not a list of choices")
    if list(domains).index(other) >= list(domains).index(key):
        raise StudyError(f"{key}.when: {other} must stand before {key} in the space")
    for value in values:
        if value not in domains[other]["choices"]:
            valid = nearest(str(value), map(str, domains[other]["choices"]))
            raise StudyError(f"{key}.when: {other} is never {value!r}; {valid}")


def has(cell: Any, key: str) -> bool:
    """Whether the part of a cell that a key names has the option."""
    part, option = Factor.parse(key)
    return option in entry(part, cell.settings[part]["name"]).options


def check_values(where: str, key: str, domain: dict[str, Any], cells: list[Any]) -> None:
    """Raise StudyError, with the place ``where``, for a value that an option of a cell refuses."""
    factor = Factor.parse(key)
    part, option = factor.part, factor.short
    values = domain.get("choices") or [domain["low"], domain["high"]]
    for name in dict.fromkeys(cell.settings[part]["name"] for cell in cells):
        for value in values:
            try:
                entry(part, name).check(option, value)
            except StudyError as error:
                raise StudyError(f"{where}.space.{key}: {error}") from None
