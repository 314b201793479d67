"""Names and numbers as a reader meets them: every label of figures, tables and text.

In: the names that a study uses (``afn+residual=off@test_batch``), numbers. Out: plain text, never
HTML or LaTeX; whoever writes those escapes it. Called by decisions, figures, tables and report.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

from afn.study.parts.names import value_text

MINUS, TIMES, PLUS_MINUS = "\u2212", "\u00d7", "\u00b1"

NORMS = {
    "batch": "BatchNorm",
    "instance": "InstanceNorm",
    "layer": "LayerNorm",
    "group": "GroupNorm",
    "switchable": "SwitchableNorm",
    "batch_instance": "Batch-Instance",
    "asr": "ASRNorm",
    "afn": "AFN",
    "afn_released": "AFN as released",
}
OPTIONS = {
    "lambda_init": "\u03bb init",
    "rescale_lambda_init": "rescale \u03bb init",
    "stan_ratio": "standardise ratio",
    "rescale_ratio": "rescale ratio",
    "residual": "residual",
    "statistics_over": "statistics over",
}
DOMAINS = {"mnist": "MNIST", "svhn": "SVHN", "usps": "USPS", "mnist_m": "MNIST-M", "syn": "SYN"}
QUANTITIES = {
    "lambda_mu": "\u03bb\u03bc (mean)",
    "lambda_sigma": "\u03bb\u03c3 (deviation)",
    "lambda_gamma": "\u03bb\u03b3 (scale)",
    "lambda_beta": "\u03bb\u03b2 (shift)",
}
TERMS = {
    "arm": "A trained network together with the way it is tested: a normalisation method and, "
    "where it matters, the statistics that are used at test time.",
    "protocol": "How a trained network is tested: with the running statistics collected in "
    "training, or with the statistics of the test batch itself. One training is tested under "
    "every protocol.",
    "outcome": "What is averaged into one number per run: accuracy on the clean test images, or "
    "the mean accuracy over all shifted versions of them.",
    "seed": "The number that fixes initial weights, data order and augmentation. At the same seed "
    "all methods start equal and see the same batches, so their differences are paired.",
    "margin": "The difference, in points, below which the study called two arms practically the "
    "same before any result was known.",
    "verdict": "Superior or inferior: the adjusted p is below alpha. Equivalent: the 1 \u2212 2 "
    "alpha interval (90 % at alpha = 0.05) lies inside the margin; this is judged per comparison "
    "and not corrected over the family. Non-inferior: not worse by more than the margin, judged "
    "by the lower end of the same interval. Inconclusive: the data allow more than one of these. "
    "Cannot reject: inconclusive, and with so few seeds the exact sign-flip test could not have "
    "rejected, whatever the data. Nothing to compare: every run of both arms diverged.",
    "points": "Percentage points of accuracy.",
    "interval": "95 % confidence interval of the mean paired difference. The simultaneous "
    "interval is wider: it holds for all comparisons of the family at once.",
    "adjusted p": "The p value corrected for the number of comparisons that the study declared "
    "in advance, so that one lucky comparison among many does not count.",
    "diverged": "The training loss stopped being a finite number. Such a run counts with chance "
    "accuracy; it is never left out.",
}


def value(text: object) -> str:
    """An option's value with a true minus sign.

    >>> value("-5")
    '\u22125'
    """
    text = f"{text:g}" if isinstance(text, float) else str(text)
    return MINUS + text[1:] if text[:1] == "-" and text[1:2].isdigit() else text


def option(key: str) -> str:
    """An option's name as a reader meets it."""
    return OPTIONS.get(key, key.replace("_", " "))


def norm(part: str) -> str:
    """Display name of a norm part, options included.

    >>> norm("afn+residual=off")
    'AFN, residual off'
    """
    name, *pieces = part.split("+")
    shown = NORMS.get(name, name.rpartition(":")[2])
    return ", ".join([shown, *(_piece(p) for p in pieces)])


def _piece(text: str) -> str:
    key, equals, given = text.partition("=")
    return f"{option(key)} {value(given)}" if equals else text


def part(text: str) -> str:
    """Display name of a task, backbone or recipe part: plain, options readable."""
    name, *pieces = text.split("+")
    return ", ".join([name, *(_piece(p) for p in pieces)])


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
        found[task] = ", ".join([own["name"], *pieces])
    return found


def protocol(name: str | None) -> str:
    """A protocol's name in a label: ``test_batch`` -> ``test batch``."""
    return (name or "").replace("_", " ")


def statistics(name: str) -> str:
    """A protocol as an adjective: ``test_batch`` -> ``test-batch statistics``."""
    return f"{name.replace('_', '-')} statistics"


def small(n: int) -> str:
    """A whole number in running text: words below ten."""
    names = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    return names[n] if 0 <= n < len(names) else f"{n:,}"


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
    name, at, where = text.partition("@")
    return norm(name) + (f" ({protocol(where)})" if at else "")


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
    (norm_a, _, at_a), (norm_b, _, at_b) = a.partition("@"), b.partition("@")
    if norm_a == norm_b:
        return f"{norm(norm_a)}: {protocol(at_a or first)} {MINUS} {protocol(at_b or first)}"
    if at_a == at_b:
        both = f" (both {protocol(at_a)})" if at_a else ""
        return f"{norm(norm_a)} {MINUS} {norm(norm_b)}{both}"
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
    pieces = [option(t.partition(".")[2] or t) for t in text.split(":")]
    return "interaction" if len(pieces) == 2 else f" {TIMES} ".join(pieces)


def is_number(x: object) -> bool:
    """True for a finite number."""
    return isinstance(x, int | float) and not isinstance(x, bool) and math.isfinite(x)


def number(x: object, digits: int = 2) -> str:
    """A number with a true minus sign; a dash where there is none.

    >>> number(-0.004)
    '0.00'
    """
    if not is_number(x):
        return "\u2013"
    text = f"{x:.{digits}f}"
    if float(text) == 0:
        return text.lstrip("-")
    return text.replace("-", MINUS)


def signed(x: object, digits: int = 2) -> str:
    """A difference: always with its sign, except for a rounded zero."""
    text = number(x, digits)
    return "+" + text if is_number(x) and float(f"{x:.{digits}f}") > 0 else text


def mean_sd(
    mean: object, sd: object, n: int, digits: int = 2, *, show: Callable = number, of: bool = True
) -> str:
    """A mean over seeds, its standard deviation from two on, and n; a dash for none.

    ``show`` prints the mean (`number` or `signed`); without ``of`` n is left out.

    >>> mean_sd(97.123, 0.4, 10)
    '97.12 \u00b1 0.40 (10)'
    """
    if not n:
        return "\u2013"
    spread = f" {PLUS_MINUS} {number(sd, digits)}" if n > 1 else ""
    return show(mean, digits) + spread + (f" ({n})" if of else "")


def interval(pair: object, digits: int = 2) -> str:
    """``[\u22120.31, +1.20]``."""
    if not pair or not all(is_number(x) for x in pair):
        return "\u2013"
    return f"[{signed(pair[0], digits)}, {signed(pair[1], digits)}]"


def interval_words(pair: object, digits: int = 2) -> str:
    """``\u22120.31 to +1.20``, for a sentence."""
    if not pair or not all(is_number(x) for x in pair):
        return "not available"
    return f"{signed(pair[0], digits)} to {signed(pair[1], digits)}"


def p_value(p: object) -> str:
    """``0.013``, ``< 0.001``, ``> 0.99``."""
    if not is_number(p):
        return "\u2013"
    if p < 0.001:
        return "< 0.001"
    if p > 0.99:
        return "> 0.99"
    return f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def p_equation(p: object, name: str = "p") -> str:
    """``p = 0.013`` or ``p < 0.001``."""
    text = p_value(p)
    return f"{name} {text}" if text[:1] in "<>" else f"{name} = {text}"


def dependence(found: Mapping | None, alpha: float, digits: int = 2, most: int = 6) -> str:
    """How a difference varies between backbones, where the test of it rejects; else nothing.

    >>> dependence({"p": 0.007, "estimates": {"one": 0.664, "two": -0.56}}, 0.05)
    'p = 0.007: one +0.66, two \u22120.56'
    """
    if not found or len(found["estimates"]) < 2 or not is_number(found["p"]):
        return ""
    if found["p"] >= alpha:
        return ""
    each = ", ".join(f"{part(b)} {signed(x, digits)}" for b, x in found["estimates"].items())
    return p_equation(found["p"]) + (f": {each}" if len(found["estimates"]) <= most else "")


def listing(items: Iterable[str], last: str = "and") -> str:
    """``a, b and c``."""
    items = list(items)
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"


def count(n: int, noun: str, plural: str | None = None) -> str:
    """``1 run``, ``3 runs``, small numbers as words: ``two backbones``."""
    return f"{small(n)} {noun if n == 1 else plural or noun + 's'}"


def sentence_case(text: str) -> str:
    """First letter in upper case, the rest untouched; a Greek letter is a symbol and stays."""
    return text[:1].upper() + text[1:] if text[:1].isascii() else text
