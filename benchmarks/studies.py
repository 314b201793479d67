"""Mutated study files: ``python -m benchmarks.studies --studies 200``.

Each file is one of the shipped studies with one to three changes drawn from a seed: values that
YAML 1.1 and 1.2 read differently, absurd numbers, odd text, keys renamed, deleted or given twice,
monsters of YAML. ``python -m afn.study plan`` reads it in a process of its own. A file is accepted,
or refused by a message that names it and a key (or the line where it is no YAML), within ten
seconds of the processor; what is accepted holds the values that ruamel.yaml, another reader of YAML
1.2, finds in it. Prints how many were which, and every file that was neither (then the exit code is
1).
"""

from __future__ import annotations

import argparse
import os
import random
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from afn.study.grid.reading import read_mapping
from afn.study.parts.document import SCALARS

ROOT = Path(__file__).resolve().parents[1]
MOST_SECONDS = 10.0
"""Of the processor: the clock also counts what other programs do."""
PATIENCE = 120.0
SCALAR_TEXTS = (
    *("010", "0o10", "1:30", "yes", "off", "true", "null", "~", "1e-4", "1e300", "-1e300"),
    *(".inf", ".nan", "0", "-1", "1e9", "1000000000000", "9223372036854775808", "1_000"),
    *("2001-01-01", "''", "'8'", '"\\ud800"', '"\\0"', "':'", "'a/b:C'", "'{config}'"),
    *("README.md", "[]", "{}", "[[1]]", "&a [*a]", "!!int x", "!!python/name:os.system x"),
    *("'" + "x" * 2000 + "'", "photo 1", "\u0444"),
)
LAUGHS = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
MONSTERS = (
    "x: " + "[" * 300_000,
    "x: " + "[" * 300_000 + "]" * 300_000,
    "x:\n" + "- " * 300_000,
    "x: &x {y: *x}",
    f"a0: &a0 [x]\n{LAUGHS}",
    "x: [" + "1, " * 200_000 + "]",
    "%YAML 1.1\n---\nx: 1",
    "\x00",
    "#" * 2_000_000,
)
KINDS = ["key", "delete", "twice", "indent", "letter"]
KEYED = re.compile(r":\d+: \S+.*:|: [\w.~<>{}'\"&*\[\]-]+[:=]? ")


def mutated(text: str, dice: random.Random) -> str:
    """The text of a study with one to three changes."""
    if dice.random() < 0.1:
        monster = dice.choice(MONSTERS)
        return f"{text}\n{monster}\n" if not monster.startswith("%") else f"{monster}\n{text}"
    lines = text.splitlines()
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        number = dice.choice([n for n, line in enumerate(lines) if line.strip()])
        lines[number : number + 1] = changed(lines[number], dice)
    return "\n".join(lines) + "\n"


def changed(line: str, dice: random.Random) -> list[str]:
    """What stands in the place of a line."""
    values = re.findall(r"(?<=[:\[,] )[\w.+-]+(?=[,\]}\s]|$)", line)
    numbers = [value for value in values if value.isdecimal()]
    kind = dice.choice(["number"] * 8 + ["value"] * 5 + KINDS)
    if kind == "number":
        old = dice.choice(numbers or values or [""])
        forms = [f"0{old}", f"+{old}", f"{old}e0", f"{old}0", f"0o{old}", f"'{old}'", f"{old} # ?"]
        return [line.replace(f" {old}", f" {dice.choice(forms)}", 1) if old else line]
    if kind == "value" and values:
        old = dice.choice(values)
        return [
            re.sub(
                rf"(?<=[:\[,] ){re.escape(old)}(?=[,\]}}\s]|$)",
                lambda _: dice.choice(SCALAR_TEXTS),
                line,
                count=1,
            )
        ]
    if kind == "key":
        return [re.sub(r"\b([a-z_]{3,})(?=:)", lambda m: m[1] + dice.choice("sx_"), line, count=1)]
    if kind == "delete":
        return []
    if kind == "twice":
        return [line, line]
    if kind == "indent":
        return [" " * dice.randint(1, 3) + line]
    at = dice.randrange(len(line))
    return [line[:at] + dice.choice("[]{}:,&*!|>'\"%@`#-?~ \t") + line[at + 1 :]]


def same(ours: Any, theirs: Any) -> bool:
    """Whether two readers found the same; text of ours that only an older rule takes for more."""
    if isinstance(ours, dict):
        alike = isinstance(theirs, dict) and len(ours) == len(theirs)
        return alike and all(same(*pair) for pair in zip(ours.items(), theirs.items(), strict=True))
    if isinstance(ours, list | tuple):
        alike = isinstance(theirs, list | tuple) and len(ours) == len(theirs)
        return alike and all(same(a, b) for a, b in zip(ours, theirs, strict=True))
    if isinstance(ours, str) and not isinstance(theirs, str):
        return not any(pattern.match(ours) for pattern in SCALARS.values())
    return type(ours) is type(theirs) and (ours == theirs or ours != ours)


def processor_seconds() -> float:
    """What processes that were started here and have ended took of the processor."""
    spent = os.times()
    return spent.children_user + spent.children_system


def judge(path: Path) -> tuple[str, float, str]:
    """Accepted, refused or what was wrong; the seconds; what was said."""
    command = [sys.executable, "-m", "afn.study", "plan", str(path)]
    begun = processor_seconds()
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        return "endless", MOST_SECONDS, ""
    seconds = processor_seconds() - begun
    if "Traceback" in done.stderr or done.returncode not in (0, 2):
        return "crashed", seconds, done.stderr[-500:]
    if done.returncode == 0:
        theirs = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
        kind = "accepted" if same(read_mapping(path), theirs) else "misread"
    else:
        message = done.stderr.removeprefix("error: ")
        named = message.startswith(str(path)) and KEYED.search(message.removeprefix(str(path)))
        kind = "refused" if named else "unnamed"
    return ("slow" if seconds > MOST_SECONDS else kind), seconds, done.stderr.strip()[:300]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="of the changes")
    options = parser.parse_args()
    files = [ROOT / "config.yaml", *sorted((ROOT / "studies").glob("*.yaml"))]
    found: Counter = Counter()
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.studies):
            dice = random.Random(f"{options.seed} {number}")
            text = mutated(dice.choice(files).read_text(encoding="utf-8"), dice)
            path = Path(folder, f"study{number}.yaml")
            path.write_text(text, encoding="utf-8")
            kind, seconds, said = judge(path)
            found[kind] += 1
            slowest = max(slowest, seconds)
            if kind not in ("accepted", "refused"):
                print(f"{kind}: study {number}: {said}", flush=True)
    counts = ", ".join(f"{number} {kind}" for kind, number in sorted(found.items()))
    print(
        f"{options.studies} mutated study files: {counts}; the slowest took {slowest:.1f} s of "
        "the processor"
    )
    return 1 if found.keys() - {"accepted", "refused"} else 0


if __name__ == "__main__":
    raise SystemExit(main())
