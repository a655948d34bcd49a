"""Plant faults, one at a time, and see whether the tests notice.

    .venv/bin/python tests/soak/plant_faults.py [--only WORDS] [--out FILE.csv]

Each fault of `faults.yaml` is planted in a copy of the checkout, and the tests named beside it run
there until one fails. It says which noticed; the exit code is 1 when none does, or when a named
test fails without any fault.
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from checkout import ROOT, tracked_files

FAULTS = Path(__file__).with_name("faults.yaml")
HEADS = ["fault planted", "in", "noticed by"]


def read_faults() -> list[dict[str, Any]]:
    """The faults; each has ``fault``, ``file``, ``text``, ``by`` and ``tests``."""
    found: list[dict[str, Any]] = yaml.safe_load(FAULTS.read_text())
    return found


def planted(fault: dict[str, Any], text: str) -> str:
    """A file's text with the fault in it.

    Raises:
        ValueError: what the fault replaces does not stand in the text exactly once.
    """
    if (count := text.count(fault["text"])) != 1:
        raise ValueError(
            f"{fault['fault']}: found its text {count} times in {fault['file']}; expected once. "
            f"Mend {FAULTS.name}."
        )
    return text.replace(fault["text"], fault["by"])


def copy_checkout(folder: Path) -> None:
    """What git tracks or would add, as it is on disk."""
    files = tracked_files()
    if files is None:
        raise RuntimeError(f"Found no git checkout at {ROOT}; faults are planted in a copy of one.")
    for file in files:
        copied = folder / file.relative_to(ROOT)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, copied)


def first_failure(folder: Path, tests: list[str]) -> str | None:
    """The first test that fails there, or None.

    Raises:
        RuntimeError: the tests could not be run at all.
    """
    shutil.rmtree(folder / "runs", ignore_errors=True)  # what notebooks left has no fault in it
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    if ran.returncode == 0:
        return None
    # Notebooks' cells have names with blanks: ``notebooks/01_data_inspection.ipynb::Cell 3``.
    failed = re.search(r"^FAILED (.+?)(?: - .*)?$", ran.stdout, re.M)
    if ran.returncode != 1 or failed is None:
        raise RuntimeError(f"pytest ended with {ran.returncode}:\n{ran.stdout[-2000:]}")
    return failed[1]


def in_words(test: str) -> str:
    """A test as a page can break it into lines: ``test_metrics: scores by hand``."""
    file, _, name = test.partition("::")
    return f"{Path(file).stem}: {name.removeprefix('test_').replace('_', ' ')}"


def write_table(file: Path, rows: list[list[str]]) -> None:
    """Write what was found, in the order of the list; rows of faults not tried now stay."""
    before: list[list[str]] = []
    if file.is_file():
        with file.open(newline="") as table:
            _heads, *before = csv.reader(table)
    found = {row[0]: row for row in [*before, *rows]}
    named = [fault["fault"] for fault in read_faults()]
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="") as table:
        csv.writer(table, lineterminator="\n").writerows(
            [HEADS, *(found[name] for name in named if name in found)]
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="faults whose words hold this")
    parser.add_argument(
        "--out",
        type=Path,
        help="write the table to this CSV file; rows of faults not tried now stay",
    )
    arguments = parser.parse_args()
    faults = [fault for fault in read_faults() if arguments.only in fault["fault"]]
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        copy_checkout(folder)
        for tests in dict.fromkeys(tuple(fault["tests"]) for fault in faults):
            if failed := first_failure(folder, list(tests)):
                print(f"{failed} fails without any fault; mend it first.")
                return 1
        for fault in faults:
            file = folder / fault["file"]
            whole = file.read_text()
            file.write_text(planted(fault, whole))
            noticed = first_failure(folder, fault["tests"])
            file.write_text(whole)
            where = fault["file"].removeprefix("boneage_lib/")
            rows.append([fault["fault"], where, in_words(noticed) if noticed else "nobody"])
            print(f"{fault['fault']}: noticed by {noticed or 'NOBODY'}", flush=True)
    caught = sum(noticed != "nobody" for *_, noticed in rows)
    print(f"{caught} of {len(rows)} faults noticed")
    if arguments.out:
        write_table(arguments.out, rows)
    return 0 if caught == len(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
