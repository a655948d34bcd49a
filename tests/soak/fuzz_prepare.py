"""Feed damaged and crafted files to the parsers of `prepare` and `predict`, as long as is wanted.

    .venv/bin/python tests/soak/fuzz_prepare.py [--minutes 10] [--seed 0] [--only image] [--out CSV]

Every file must be read or refused with an InputError, within seconds and without much memory. What
fails is made as small as possible and told; exit code 1 when anything does. A table of one row says
how long it went, of how many files, and what came of them.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from fuzzing import FILES, TooSlow, outcome

#: Files between two looks at the clock.
AT_ONCE = 500


def fuzz(kind: str, number: int) -> tuple[Counter[str], float, int]:
    """How many of some hundred files were read and refused, the longest time, the largest memory.

    Args:
        kind: of files, see `fuzzing.FILES`.
        number: what is drawn; another one draws others.

    Raises:
        Exception: what a file led to, the smallest one that does.
    """
    found: Counter[str] = Counter()
    longest, largest = 0.0, 0

    @seed(number)
    @settings(
        max_examples=AT_ONCE,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
        print_blob=False,
    )
    @given(FILES[kind])
    def run(file: tuple[str, bytes]) -> None:
        nonlocal longest, largest
        try:
            word, spent = outcome(kind, *file)
        except BaseException as error:
            name, content = file
            error.add_note(f"{name}: {content!r}")
            raise
        found[word] += 1
        longest, largest = max(longest, spent.seconds), max(largest, spent.memory_bytes)

    run()
    return found, longest, largest


def main() -> int:
    """Fuzz until the time is over; the exit code says whether anything failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=sorted(FILES))
    parser.add_argument("--out", type=Path, help="write the table to this CSV file")
    arguments = parser.parse_args()
    warnings.simplefilter("error")  # nobody at a terminal knows what to do with one
    end = time.monotonic() + 60 * arguments.minutes
    total: Counter[str] = Counter()
    longest, largest, failures, number = 0.0, 0, 0, arguments.seed
    while time.monotonic() < end:
        for kind in [arguments.only] if arguments.only else FILES:
            try:
                found, seconds, memory_bytes = fuzz(kind, number)
            except (Exception, TooSlow):
                failures += 1
                print(f"{kind}, --seed {number}:\n{traceback.format_exc()}", flush=True)
                continue
            total += found
            longest, largest = max(longest, seconds), max(largest, memory_bytes)
        number += 1
    row = {
        "minutes": f"{arguments.minutes:g}",
        "files": f"{total.total():,}",
        "read": f"{total['read']:,}",
        "refused": f"{total['refused']:,}",
        "longest (s)": f"{longest:.1f}",
        "largest memory (MiB)": f"{largest / 2**20:.0f}",
        "failed": str(failures),
    }
    print(", ".join(f"{name}: {value}" for name, value in row.items()))
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        with arguments.out.open("w", newline="") as table:
            csv.writer(table, lineterminator="\n").writerows([row.keys(), row.values()])
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
