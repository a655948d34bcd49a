"""Say which share of the library's lines and branches the tests ran, and fail below the least.

    make coverage

coverage's own limit is of lines and branches together, where many lines hide missing branches.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

#: Percent.
LEAST = {"lines": 95.0, "branches": 90.0}


def shares(totals: dict[str, int]) -> dict[str, float]:
    """Percent of lines and of branches that ran, from the totals of ``coverage json``."""
    return {
        "lines": 100 * totals["covered_lines"] / totals["num_statements"],
        "branches": 100 * totals["covered_branches"] / totals["num_branches"],
    }


def main() -> int:
    """Print both shares; the exit code is 1 where one is too small."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "coverage.json"
        command = [sys.executable, "-m", "coverage", "json", "--quiet", "-o", str(file)]
        subprocess.run(command, check=True)
        found = shares(json.loads(file.read_text())["totals"])
    for what, share in found.items():
        print(f"{what}: {share:.1f} %, expected at least {LEAST[what]:.0f} %")
    return 1 if any(share < LEAST[what] for what, share in found.items()) else 0


if __name__ == "__main__":
    sys.exit(main())
