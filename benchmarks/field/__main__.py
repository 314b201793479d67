"""How many inputs from the field come out right.

    python -m benchmarks.field [KIND ...] [--verbose]

Runs every case of the kinds (all of them by default), prints right and wrong by kind, and names
what was wrong. Ends with 1 if anything was.
"""

from __future__ import annotations

import argparse
import sys
import warnings

from benchmarks.field import KINDS, cases


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)}")
    parser.add_argument("--verbose", action="store_true", help="name what was right, too")
    options = parser.parse_args(arguments)
    unknown = set(options.kinds) - set(KINDS)
    if unknown:
        parser.error(f"there is no kind {sorted(unknown)[0]!r}; valid: {', '.join(KINDS)}")
    wrong = 0
    for kind in options.kinds or KINDS:
        found = cases(kind)
        failures = []
        for one in found:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    one.run()
            except Exception as error:
                reason = str(error).strip().partition("\n")[0]
                failures.append(f"  wrong: {one.name}: {type(error).__name__}: {reason}")
                failures.append(f"         right: {one.right}")
            else:
                if options.verbose:
                    print(f"  right: {one.name}")
        count = len(failures) // 2
        wrong += count
        print(f"{kind:24}{len(found) - count:5} right{count:5} wrong")
        print(*failures, sep="\n", end="\n" if failures else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
