"""``python -m analysis SCORES.csv --looks 5,10,15 ...``: the same table, looked at while it grows.

In: the arguments and a table with the seeds so far. Out, in the folder: looks.json (the state,
which the next call goes on from), looks.csv (one row per comparison and look) and summary.txt,
which is also printed. Called by `analysis.standalone.cli` where looks are asked for. No page is
written: its tables hold p values of a fixed number of seeds.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import pandas as pd

from afn.common.errors import StudyError
from analysis.decisions.words.verdicts import followed, words
from analysis.display import formatting
from analysis.results.io import write_atomically, write_csv
from analysis.standalone.compare import Plan
from analysis.standalone.sequential.growing import LooksPlan, Sequential
from analysis.stats.sequential.calibration import SHAPES
from analysis.stats.sequential.eprocess import Evidence
from analysis.stats.sequential.records import Followed, Look, WavePlan


def add_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--looks",
        help="numbers of seeds after which everybody looks (5,10,15), or the size of a wave",
    )
    group.add_argument("--at-most", type=int, help="with --looks 5: the last look (30)")
    group.add_argument(
        "--boundary", choices=list(SHAPES), help="how the error is spread over the looks"
    )
    group.add_argument("--effect", type=float, help="difference that the study is made to find")
    group.add_argument(
        "--no-futility", action="store_true", help="go on where --effect is out of reach, too"
    )
    group.add_argument("--state", help="file of the looks that were taken (OUTPUT/looks.json)")


def asked(args: argparse.Namespace) -> bool:
    """Refuse what only looks can use where none are asked for."""
    given = {
        "--at-most": args.at_most,
        "--boundary": args.boundary,
        "--effect": args.effect,
        "--no-futility": args.no_futility,
        "--state": args.state,
    }
    for option, value in given.items():
        if value not in (None, False):
            raise StudyError(f"{option} belongs to looks: say when with --looks (5,10,15)")
    return False


def main(args: argparse.Namespace, frame: pd.DataFrame, plan: Plan) -> None:
    goal = args.effect is not None or plan.margin is not None
    planned = LooksPlan(
        **plan.__dict__,
        looks=looks_of(args.looks, args.at_most),
        boundary=args.boundary or LooksPlan.boundary,
        effect=args.effect,
        futility=goal and not args.no_futility,
    )
    folder = Path(args.output)
    state = Path(args.state) if args.state else folder / "looks.json"
    found = Sequential.resume(planned, state).look(frame)
    text = summary(found)
    try:
        write_csv(folder / "looks.csv", path_of(found))
        write_atomically(folder / "summary.txt", lambda p: p.write_text(text, encoding="utf-8"))
        found.save(state)  # last: a call that fails has not looked
    except OSError as error:
        raise StudyError(f"{folder}: cannot be written: {error}") from None
    print(text, end="")


def looks_of(text: str, at_most: int | None) -> tuple[int, ...]:
    """``5,10,15`` as it is; ``5`` with a last look: every wave of five up to it."""
    try:
        looks = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise StudyError(f"--looks {text}: must be numbers of seeds, as 5,10,15") from None
    if len(looks) == 1 and looks[0] > 0:
        last = 30 if at_most is None else at_most
        whole = tuple(range(looks[0], last + 1, looks[0]))
        return whole if whole and whole[-1] == last else (*whole, last)
    if at_most is not None and looks[-1] != at_most:
        raise StudyError(f"--looks {text} ends at {looks[-1]}, --at-most says {at_most}")
    return looks


def path_of(found: Sequential) -> pd.DataFrame:
    """Every look of every comparison, one row each."""
    rows = []
    for c in found.taken.comparisons:
        p = 1.0
        for look in c.looks:
            p = min(p, look.reached)
            row = {"comparison": c.name, "look": look.wave, "pairs": look.n, "test": look.test}
            row |= {"difference": look.estimate, "sd": look.sd, "p": look.p}
            row |= {"level_reached": look.reached, "p_sequential": p}
            for name in ("interval", "interval_family", "interval_equivalence"):
                row[f"{name}_low"], row[f"{name}_high"] = getattr(look, name)
            row |= {"power": look.power, "equivalence": look.equivalence}
            ended = c.frozen is not None and look is c.looks[-1]
            rows.append({**row, "verdict": followed(c) if ended else ""})
    return pd.DataFrame(rows)


def summary(found: Sequential) -> str:
    """What was looked at, what was decided, and what is needed next."""
    plan, waves = found.taken.plan, found.taken
    lines = [_where(found), "", "Decisions:"]
    adjusted = waves.adjusted
    lines += [f"- {sentence(c, plan, adjusted[c.name])}" for c in waves.comparisons]
    if found.unplanned:
        lines += ["", "Seeds were added after the last planned look (e values, m/alpha needed):"]
        lines += [f"- {_unplanned(name, x)}" for name, x in found.unplanned.items()]
    lines += ["", "Treatment:", *(f"- {note}" for note in _notes(found))]
    return "\n".join(lines) + "\n"


def _where(found: Sequential) -> str:
    plan, waves = found.taken.plan, found.taken
    seeds = formatting.sentence_case(formatting.count(found.present, "seed"))
    told = f"{seeds} ({found.plan.metric}); look {waves.wave} of {len(plan.looks)} is over."
    if waves.wave == 0:
        told = f"{seeds} ({found.plan.metric}); the first look is at {plan.looks[0]}."
    if waves.over:
        return f"{told} Nothing is left to be decided."
    more = plan.looks[waves.wave] - found.present
    for_what = formatting.listing(waves.needed)
    return f"{told} The next look needs {formatting.count(more, 'more seed')}, for {for_what}."


def sentence(c: Followed, plan: WavePlan, adjusted: float) -> str:
    """One comparison in words."""
    if not c.looks:
        return f"{c.name}: {followed(c)}; no look at two pairs or more."
    look, told = c.looks[-1], [f"{c.name}: {followed(c)}"]
    at = f"look {look.wave} of {len(plan.looks)}"
    told.append(
        f"{at}, {formatting.count(look.n, 'pair')}" + (f" ({c.reason})" if c.reason else "")
    )
    digits = _digits(look)
    if c.estimate_median_unbiased is not None:
        value = formatting.signed(c.estimate_median_unbiased, digits)
        told.append(f"median-unbiased difference {value}")
    else:
        told.append(f"difference so far {formatting.signed(look.estimate, digits)}")
    shown = formatting.interval_words(_closed(look.interval), digits)
    told.append(f"repeated {formatting.level(plan.alpha)} interval {shown}")
    if plan.margin is not None:
        shown = formatting.interval_words(_closed(look.interval_equivalence), digits)
        told.append(
            f"{formatting.level(2 * plan.alpha)} {shown} against a margin of {plan.margin:g}"
        )
    told.append(f"sequential {formatting.p_equation(c.p)}")
    family = formatting.count(len(plan.comparisons), "decision")
    told.append(f"adjusted for {family} {formatting.p_equation(adjusted)}")
    if c.crossed is not None and c.crossed != look.wave:
        told.append(f"its boundary was crossed at look {c.crossed}")
    if c.rejected_later is not None:
        told.append(f"decided by what was rejected elsewhere at look {c.rejected_later}")
    if c.verdict is None and look.power is not None:
        told.append(f"chance to find {plan.worth_finding:g} by the last look {look.power:.2f}")
    return "; ".join(told) + "."


def _unplanned(name: str, x: Evidence) -> str:
    low, high = (formatting.signed(end, 3) for end in x.interval)
    return (
        f"{name}: {words(x.verdict)}; e = {x.e:.3g} of {x.needed:g} needed after {x.n} pairs; "
        f"interval that holds at every number of pairs {low} to {high}."
    )


def _notes(found: Sequential) -> list[str]:
    plan = found.taken.plan
    notes = [
        f"Looks at {formatting.listing(map(str, plan.looks))} seeds, boundary {plan.boundary}; "
        f"Holm on sequential p values over {formatting.count(len(plan.comparisons), 'decision')}.",
        "A decided comparison is frozen: later seeds do not decide it again.",
        "What stops for futility, or is open after the last look, is undecided, not equal."
        if plan.futility
        else "Nothing stops for futility.",
    ]
    if found.waiting:
        wait = formatting.count(found.waiting, "seed")
        notes.append(f"{formatting.sentence_case(wait)} of the next wave not used yet.")
    if found.unplanned:
        notes.append(
            "E values hold at any number of pairs, planned or not; they find less than a plan "
            "would have (at an effect of half a standard deviation .36 instead of .71)."
        )
    for name, missing in found.missing.items():
        notes.append(f"{name}: missing {', '.join(missing)}.")
    flips = [c.name for c in found.taken.comparisons if any(x.smallest_p for x in c.looks)]
    if flips:
        notes.append(
            f"{formatting.listing(flips)}: sign-flip test of completed scores from the look with "
            "the first diverged row (or of equal differences) on."
        )
    return notes


def _digits(look: Look) -> int:
    """Two significant digits of the difference's standard error."""
    size = look.sd / math.sqrt(look.n)
    return min(8, max(0, 1 - math.floor(math.log10(size)))) if size > 0 else 2


def _closed(interval: tuple[float, float]) -> tuple[float, float] | None:
    return interval if all(map(math.isfinite, interval)) else None
