"""Numbers as a reader meets them: signs, intervals, p values, counts in words.

In: numbers. Out: plain text, never HTML or LaTeX; whoever writes those escapes it. Called by
decisions, figures, tables and reports.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any


def plain(value: object) -> str:
    """A setting as it is printed: a whole number in full, four digits of another.

    >>> plain(1e6), plain(0.0034072), plain("off")
    ('1000000', '0.003407', 'off')
    """
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


MINUS, TIMES, PLUS_MINUS = "\u2212", "\u00d7", "\u00b1"


def value(text: object) -> str:
    """An option's value with a true minus sign.

    >>> value("-5")
    '\u22125'
    """
    text = f"{text:g}" if isinstance(text, float) else str(text)
    return MINUS + text[1:] if text[:1] == "-" and text[1:2].isdigit() else text


def small(n: int) -> str:
    """A whole number in running text: words below ten."""
    names = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    return names[n] if 0 <= n < len(names) else f"{n:,}"


def is_number(x: object) -> bool:
    """True for a finite number."""
    return isinstance(x, int | float) and not isinstance(x, bool) and math.isfinite(x)


def number(x: Any, digits: int = 2) -> str:
    """A number with a true minus sign; a dash where there is none.

    >>> number(-0.004)
    '0.00'
    """
    if not is_number(x):
        return "\u2013"
    text = _decimal(x, digits)
    if float(text) == 0:
        return text.lstrip("-")
    return text.replace("-", MINUS)


MOST_DECIMALS, LONGEST = 6, 15


def _decimal(x: float, digits: int) -> str:
    """Decimals; beyond six of them, or 15 digits before the point, significant digits.

    >>> _decimal(-1.234e-12, 14), _decimal(2e-15, 14), _decimal(3.2e20, 0)
    ('-1.23e-12', '0', '3.20000e+20')
    """
    if digits <= MOST_DECIMALS and abs(x) < 10.0**LONGEST:
        return f"{x:.{digits}f}"
    if abs(x) < 0.5 * 10.0**-digits:
        return "0"
    places = digits + math.floor(math.log10(abs(x)))
    return f"{x:.{max(1, min(places, 5))}e}"


def signed(x: Any, digits: int = 2) -> str:
    """A difference: always with its sign, except for a rounded zero."""
    text = number(x, digits)
    return "+" + text if is_number(x) and float(_decimal(x, digits)) > 0 else text


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


def closed(pair: tuple[float, float] | None) -> tuple[float | None, float | None]:
    """The ends of an interval, None where it is open: as files have them.

    >>> closed((-math.inf, 1.5)), closed(None)
    ((None, 1.5), (None, None))
    """
    low, high = pair or (None, None)
    return low if is_number(low) else None, high if is_number(high) else None


def interval(pair: Any, digits: int = 2) -> str:
    """``[\u22120.31, +1.20]``."""
    if not pair or not all(is_number(x) for x in pair):
        return "\u2013"
    return f"[{signed(pair[0], digits)}, {signed(pair[1], digits)}]"


def interval_words(pair: Any, digits: int = 2) -> str:
    """``\u22120.31 to +1.20``, for a sentence."""
    if not pair or not all(is_number(x) for x in pair):
        return "not available"
    return f"{signed(pair[0], digits)} to {signed(pair[1], digits)}"


def two_digits(x: float) -> str:
    """A positive number to two significant digits, without an exponent.

    >>> two_digits(144.2), two_digits(15.53), two_digits(0.812), two_digits(0.9996)
    ('140', '16', '0.81', '1.0')
    """
    if not x > 0:
        return number(x, 0)
    x = float(f"{x:.1e}")
    return f"{x:.{max(0, 1 - math.floor(math.log10(x)))}f}"


def level(alpha: float) -> str:
    """The level of an interval at 1 - alpha.

    >>> level(0.1)
    '90 %'
    """
    return f"{100 * (1 - alpha):g} %"


def percents(shares: Sequence[float]) -> str:
    """The ends of an interval of shares, in whole percent.

    >>> percents((0.031, 0.4))
    '3 to 40 %'
    """
    low, high = (number(100 * share, 0) for share in shares)
    return f"{low} to {high} %"


def p_value(p: Any) -> str:
    """``0.013``, ``< 0.001``, ``> 0.99``."""
    if not is_number(p):
        return "\u2013"
    if p < 0.001:
        return "< 0.001"
    if p > 0.99:
        return "> 0.99"
    return f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def p_equation(p: Any, name: str = "p") -> str:
    """``p = 0.013`` or ``p < 0.001``."""
    text = p_value(p)
    return f"{name} {text}" if text[:1] in "<>" else f"{name} = {text}"


def listing(items: Iterable[str], last: str = "and") -> str:
    """``a, b and c``."""
    items = list(items)
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"


def plural(noun: str) -> str:
    """The plural of a noun.

    >>> plural("seed"), plural("search")
    ('seeds', 'searches')
    """
    return noun + ("es" if noun.endswith("ch") else "s")


def count(n: int, noun: str, many: str | None = None) -> str:
    """``1 run``, ``3 runs``, small numbers as words: ``two backbones``."""
    return f"{small(n)} {noun if n == 1 else many or plural(noun)}"


def sentence_case(text: str) -> str:
    """First letter in upper case, the rest untouched; a Greek letter is a symbol and stays."""
    return text[:1].upper() + text[1:] if text[:1].isascii() else text
