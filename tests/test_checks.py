"""What watches over the tests: which may be left out, and how much of the library they run."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from made_up_run import ROOT

LEAVES_OUT = """
import pytest

def test_it():
    pytest.skip({reason!r})
"""


@pytest.mark.parametrize(
    ("reason", "watched", "code"),
    [
        ("BONEAGE_REAL_DATA is not set: no real radiographs to test with", "1", 1),
        ("BONEAGE_REAL_DATA is not set: no real radiographs to test with", "", 0),
        ("no folder is forbidden to the superuser", "1", 0),
    ],
)
@pytest.mark.parametrize("workers", [[], ["-n", "1"]], ids=["alone", "in a worker"])
def test_nothing_is_left_out_for_want_of_data_where_that_is_watched(
    workers: list[str], reason: str, watched: str, code: int, tmp_path: Path
) -> None:
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_it.py").write_text(LEAVES_OUT.format(reason=reason))
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *workers, "test_it.py"],
        cwd=tmp_path,
        env={**os.environ, "BONEAGE_SKIP_NOTHING": watched, "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == code, ran.stdout
    assert (f"is set: {reason}" in ran.stdout) == bool(code)


def test_lines_and_branches_are_counted_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    shares = importlib.import_module("check_coverage").shares
    totals = {
        "covered_lines": 97,
        "num_statements": 100,
        "covered_branches": 17,
        "num_branches": 20,
    }
    assert shares(totals) == {"lines": 97.0, "branches": 85.0}
