"""``where``: choose runs by an expression over their factors.

In: text such as ``norm == 'afn' and seed in [0, 3]``. Out: the runs for which it holds. The
expression is read as a syntax tree and evaluated here; nothing else of Python can be reached
from it. Called by the workflow (target ``cells``), ``make rerun`` and ``python -m afn.study``.

Names: ``task``, ``backbone``, ``norm``, ``recipe`` (canonical names), ``seed``, ``experiment`` (any
one that the run belongs to), ``wave`` (from 1, of a study in waves), and any setting by its dotted
key: ``norm.lambda_init == -3``, ``norm.name == 'afn'``. A run whose part lacks the
setting, or whose seed is of no wave, is not selected by it.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from afn.common.errors import StudyError, nearest
from afn.study.grid.cells import PARTS, Run, Study
from afn.study.parts.catalogue import homes
from afn.study.parts.names import OF, Factor
from afn.study.parts.values import shown

NAMES = (*PARTS, "seed", "experiment")
_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}
MISSING = object()
_QUOTES = str.maketrans("\u2018\u2019\u201c\u201d`", "''\"\"'")
"""What word processors make of quotes, by their numbers."""


@dataclass(frozen=True)
class _Placed(Run):
    """A run with the wave of its seed, `MISSING` where it has none."""

    wave: Any = MISSING


class AnyOf(tuple[Any, ...]):
    """The experiments of a run: a comparison holds if it holds for one of them."""


def select(study: Study, where: str | None, asked: list[Run] | None = None) -> list[Run]:
    """Return the runs that an expression selects; all of them for an empty one.

    ``asked``: of a study in waves, the runs that its looks have asked for by now; others are never
    selected, as nothing would use them.

    Raises
    ------
    StudyError
        For an unknown name or value (with the valid ones), text that is no expression, or an
        expression that selects nothing.
    """
    runs = list(study.runs()) if asked is None else asked
    if not where or not where.strip():
        return runs
    try:
        tree = ast.parse(where.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = getattr(error, "msg", None) or str(error)
        hint = _meant(where.strip())
        raise StudyError(f"where: {shown(where)} is not an expression ({reason}){hint}") from None
    try:
        _check_names(tree, study, where)
        _check_conditions(tree, where)
        chosen = [run for run in runs if _holds(tree, run, study, where)]
    except RecursionError:
        raise StudyError(f"where: {shown(where)} is nested too deep") from None
    if not chosen:
        later = ""
        if asked is not None and any(_holds(tree, run, study, where) for run in study.runs()):
            later = " that were asked for by now; no look has asked for those that it names"
        raise StudyError(f"where: {where!r} selects none of the {len(runs)} runs{later}")
    return chosen


def _meant(where: str) -> str:
    """What was probably meant by text that is no expression: ``==``, or quotes."""
    where = re.sub(r"\s*&&\s*", " and ", re.sub(r"\s*\|\|\s*", " or ", where))
    where = where.translate(_QUOTES)
    quoted = re.sub(r"([=!]?=)\s*([A-Za-z_][^\s'\"()\[\],]*)", r"\1 '\2'", where)
    for text in (quoted, where):
        meant = re.sub(r"(?<![=!<>])=(?![=])(?=[^']*(?:'[^']*'[^']*)*$)", "==", text)
        try:
            ast.parse(meant, mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        return f"; did you mean {meant}?"
    return ""


def _keys(study: Study) -> set[str]:
    parts = {f"{p}.{key}" for c in study.cells() for p in PARTS for key in c.settings[p]}
    return parts | set(NAMES) | ({"wave"} if study.looks else set())


def _placed(run: Run, study: Study) -> _Placed:
    number = (k for k, own in enumerate(study.waves, 1) if run.seed in own)
    return _Placed(run.cell, run.seed, next(number, MISSING) if study.looks else MISSING)


def _holds(tree: ast.AST, run: Run, study: Study, where: str) -> bool:
    return _evaluate(tree, _placed(run, study), where) is True


def _check_names(tree: ast.AST, study: Study, where: str) -> None:
    """Refuse names and compared values that no run of the study has."""
    valid = _keys(study)
    nodes = list(ast.walk(tree))
    inner = {id(node.value) for node in nodes if isinstance(node, ast.Attribute)}
    for node in nodes:
        if isinstance(node, ast.Name | ast.Attribute) and id(node) not in inner:
            name = ast.unparse(node)
            if name not in valid:
                raise StudyError(
                    f"where: unknown name {name!r} in {shown(where)}; "
                    + (_as_text(name, study) or _as_option(name, valid) or nearest(name, valid))
                )
    if not any(isinstance(node, ast.Name) for node in nodes):
        raise StudyError(f"where: {shown(where)} names nothing; {nearest('', NAMES)}")
    for node in nodes:
        if isinstance(node, ast.Compare):
            _check_values(node, study)


def _check_conditions(node: ast.AST, where: str) -> None:
    """Refuse a name or a value where a condition belongs: ``seed == 3 or 4`` is not both seeds."""
    match node:
        case ast.BoolOp(values=values):
            for value in values:
                _check_conditions(value, where)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            _check_conditions(operand, where)
        case ast.Compare():
            pass
        case ast.Constant() | ast.Name() | ast.Attribute() | ast.List() | ast.Tuple() | ast.Set():
            raise StudyError(
                f"where: {ast.unparse(node)!r} in {shown(where)} is no condition; one of several "
                "values is chosen by in: seed in [3, 4]"
            )


def _as_text(name: str, study: Study) -> str:
    """The hint where a name is a value of the study: text stands in quotes."""
    for cell in study.cells():
        values = {v for part in cell.settings.values() for v in part.values() if isinstance(v, str)}
        if name in values | {cell.path.split("/")[n] for n in range(4)} | set(cell.experiments):
            return f"did you mean the text '{name}'? Text stands in quotes: norm == 'afn'"
    return ""


def _as_option(name: str, valid: set[str]) -> str:
    """The hint where a name is what an option is called elsewhere, or lacks its part."""
    meant = [home for home in homes(name.rpartition(OF)[2]) if home in valid]
    return f"did you mean {meant[0]!r}?" if meant else ""


def _check_values(node: ast.Compare, study: Study) -> None:
    """Refuse a value that no run has, on either side: ``!=`` would select everything."""
    sides = [node.left, *node.comparators]
    for op, left, right in zip(node.ops, sides, sides[1:], strict=False):
        if isinstance(op, ast.Eq | ast.NotEq) and isinstance(right, ast.Name | ast.Attribute):
            left, right = right, left
        named = isinstance(left, ast.Name | ast.Attribute)
        if not named or isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE):
            continue
        try:
            given = ast.literal_eval(right)
        except (ValueError, TypeError):
            continue
        name = ast.unparse(left)
        placed = (_placed(run, study) for run in study.runs())
        values = (v for run in placed for v in _as_tuple(_value(name, run)) if v is not MISSING)
        known = list({repr(v): v for v in values}.values())
        for value in given if isinstance(given, list | tuple | set) else [given]:
            if not any(_same(value, other) for other in known):
                raise StudyError(f"where: no run has {name} == {value!r}; {nearest(value, known)}")


def _same(one: Any, other: Any) -> bool:
    """Equal, and not just in that true counts as one."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _as_tuple(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, AnyOf) else (value,)


def _value(name: str, run: _Placed) -> Any:
    part, key = Factor.parse(name)
    if key is not None:
        # What a search chooses is no level that could be selected.
        return MISSING if run.cell.search else run.cell.settings[part].get(key, MISSING)
    if part == "seed":
        return run.seed
    if part == "wave":
        return run.wave
    if part == "experiment":
        return AnyOf(run.cell.experiments)
    return getattr(run.cell, part)


def _evaluate(node: ast.AST, run: _Placed, where: str) -> Any:
    match node:
        case ast.BoolOp(op=op, values=values):
            results = (_evaluate(value, run, where) is True for value in values)
            return all(results) if isinstance(op, ast.And) else any(results)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _evaluate(operand, run, where) is not True
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.Compare():
            return _compare(node, run, where)
        case ast.Constant(value=value):
            return value
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            return [_evaluate(item, run, where) for item in items]
        case ast.Name() | ast.Attribute():
            return _value(ast.unparse(node), run)
    raise StudyError(
        f"where: {ast.unparse(node)!r} in {where!r}: use comparisons, in, and, or, not"
    )


def _compare(node: ast.Compare, run: _Placed, where: str) -> bool:
    sides = [_evaluate(side, run, where) for side in (node.left, *node.comparators)]
    for op, left, right in zip(node.ops, sides, sides[1:], strict=False):
        apply = _OPERATORS.get(type(op))
        if apply is None:
            raise StudyError(f"where: {where!r}: this comparison is not supported")
        if left is MISSING or right is MISSING:
            return False
        try:
            options = left if isinstance(left, AnyOf) else (left,)
            quantifier = all if isinstance(op, ast.NotEq | ast.NotIn) else any
            if not quantifier(apply(option, right) for option in options):
                return False
        except TypeError as error:
            raise StudyError(f"where: {ast.unparse(node)!r}: {error}") from None
    return True
