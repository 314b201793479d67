"""Names and numbers as a reader meets them: every label of figures, tables and text.

In: the names that a study uses (``afn+residual=off@test_batch``), numbers. Out: plain text, never
HTML or LaTeX; whoever writes those escapes it. Called by decisions, figures, tables and report.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from afn.study.parts import shown
from afn.study.parts.names import AND, Arm, Factor, value_text
from analysis.display.formatting import MINUS, TIMES, value

OPTIONS = {
    "lambda_init": "\u03bb init",
    "rescale_lambda_init": "rescale \u03bb init",
    "stan_ratio": "standardise ratio",
    "rescale_ratio": "rescale ratio",
    "residual": "residual",
    "statistics_over": "statistics over",
}
TOKENS = {"arm": "Arms", "backbone": "Backbones", "task": "Tasks", "outcome": "Outcomes"}
"""Kind of token -> what the toolbox calls the kind."""
DOMAINS = {"mnist": "MNIST", "svhn": "SVHN", "usps": "USPS", "mnist_m": "MNIST-M", "syn": "SYN"}
QUANTITIES = {
    "lambda_mu": "\u03bb\u03bc (mean)",
    "lambda_sigma": "\u03bb\u03c3 (deviation)",
    "lambda_gamma": "\u03bb\u03b3 (scale)",
    "lambda_beta": "\u03bb\u03b2 (shift)",
}


def option(key: str) -> str:
    """An option's name as a reader meets it."""
    return OPTIONS.get(key, key.replace("_", " "))


def norm(part: str) -> str:
    """Display name of a norm part, options included.

    >>> norm("afn+residual=off")
    'AFN, residual off'
    """
    name, *pieces = part.split(AND)
    return ", ".join([shown.label(name), *(_piece(p) for p in pieces)])


def _piece(text: str) -> str:
    key, equals, given = text.partition("=")
    return f"{option(key)} {value(given)}" if equals else text


def part(text: str) -> str:
    """Display name of a task, backbone or recipe part: plain, options readable."""
    name, *pieces = text.split(AND)
    return ", ".join([shown.short(name), *(_piece(p) for p in pieces)])


def tasks(settings: Mapping[str, Mapping]) -> dict[str, str]:
    """Display names of a study's tasks (or recipes): name, and options in which a name's differ.

    >>> tasks({"t+a=2": {"name": "t", "a": 2, "b": 0}, "t": {"name": "t", "a": 1, "b": 0}})
    {'t+a=2': 't, a 2', 't': 't, a 1'}
    """
    found = {}
    for task, own in settings.items():
        alike = [other for other in settings.values() if other["name"] == own["name"]]
        varied = [k for k, given in own.items() if any(other.get(k) != given for other in alike)]
        pieces = (f"{option(key)} {value(value_text(own[key]))}" for key in varied)
        found[task] = ", ".join([shown.short(own["name"]), *pieces])
    return found


def protocol(name: str | None) -> str:
    """A protocol's name in a label: ``test_batch`` -> ``test batch``."""
    return (name or "").replace("_", " ")


def statistics(name: str) -> str:
    """A protocol as an adjective: ``test_batch`` -> ``test-batch statistics``."""
    return f"{name.replace('_', '-')} statistics"


def protocol_long(name: str, spec: Mapping | None = None) -> str:
    """A protocol in words: ``test-batch statistics (batches of 120)``."""
    if not spec:
        return statistics(name)
    if spec.get("statistics") == "running":
        return "running statistics"
    if spec.get("statistics") == "batch":
        size = spec.get("batch_size")
        return "test-batch statistics" + (f" (batches of {size})" if size else "")
    return statistics(name)


def arm(text: str) -> str:
    """Display name of an arm.

    >>> arm("batch@test_batch")
    'BatchNorm (test batch)'
    """
    own = Arm.parse(text)
    return norm(own.norm) + (f" ({protocol(own.protocol)})" if own.protocol is not None else "")


def contrast(a: str, b: str, first: str = "") -> str:
    """A contrast in a label, saying once what both arms share.

    Parameters
    ----------
    first : str
        The protocol that a bare arm name means.

    >>> contrast("afn@test_batch", "batch@test_batch")
    'AFN \u2212 BatchNorm (both test batch)'
    >>> contrast("batch@test_batch", "batch", "running")
    'BatchNorm: test batch \u2212 running'
    """
    left, right = Arm.parse(a), Arm.parse(b)
    if left.norm == right.norm:
        at = [protocol(arm.protocol or first) for arm in (left, right)]
        return f"{norm(left.norm)}: {at[0]} {MINUS} {at[1]}"
    if left.protocol == right.protocol:
        both = f" (both {protocol(left.protocol)})" if left.protocol else ""
        return f"{norm(left.norm)} {MINUS} {norm(right.norm)}{both}"
    return f"{arm(a)} {MINUS} {arm(b)}"


def outcome(name: str) -> str:
    """Label of an outcome."""
    return {"clean": "clean images", "shift": "shifted images"}.get(name, name.replace("_", " "))


def domain(name: str) -> str:
    """Display name of a domain: ``mnist_m`` -> ``MNIST-M``."""
    return DOMAINS.get(name, name.replace("_", " "))


def on_outcome(name: str) -> str:
    """An outcome in a sentence: ``on shifted images``."""
    known = {"clean": "on clean images", "shift": "on shifted images"}
    return known.get(name, f"on {outcome(name)}")


def quantity(name: str) -> str:
    """Label of a followed scalar."""
    return QUANTITIES.get(name, name.replace("_", " "))


def term(text: str) -> str:
    """A term of an analysis of variance.

    >>> term("norm.stan_ratio")
    'standardise ratio'
    """
    pieces = [option(Factor.parse(t).short) for t in text.split(":")]
    return "interaction" if len(pieces) == 2 else f" {TIMES} ".join(pieces)


def two_lines(text: str, width: int = 26) -> str:
    """Break a long label once, at the blank nearest to its middle that keeps both lines short."""
    if len(text) <= width:
        return text
    blanks = [i for i, c in enumerate(text) if c == " "]
    if not blanks:
        return text
    cut = min(blanks, key=lambda i: max(i, len(text) - i - 1))
    return text[:cut] + "\n" + text[cut + 1 :]


def tokens(row: Mapping[str, Any]) -> str:
    """What a page's toolbox finds a mark or a row by, sorted: the parts that it names.

    >>> tokens({"norm": "afn", "backbone": "resnet8; convnet_small", "outcome": "clean"})
    'arm:afn backbone:convnet_small backbone:resnet8 outcome:clean'
    >>> tokens({"a": "afn@test_batch", "b": "batch", "backbone": "pooled"})
    'arm:afn arm:batch'
    """
    found = set()
    for key in ("norm", "minus_norm", "a", "b"):
        if name := Arm.parse(_name_in(row.get(key))).norm:
            found.add(f"arm:{name}")
    for key in ("backbone", "task", "outcome"):
        for name in _name_in(row.get(key)).split("; "):
            if name and name not in ("pooled", "all"):
                found.add(f"{key}:{name}")
    return " ".join(sorted(found))


def _name_in(value: Any) -> str:
    return value if isinstance(value, str) else ""
