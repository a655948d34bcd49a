"""The soak compares all that a run ends with, and its table names tests that are there."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from made_up_run import ROOT

SOAK = Path(__file__).parent / "soak"


@pytest.fixture
def kill_a_run() -> ModuleType:
    spec = importlib.util.spec_from_file_location("kill_a_run", SOAK / "kill_a_run.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_everything_but_times_is_compared(kill_a_run: ModuleType, tmp_path: Path) -> None:
    kept = (
        "results/metrics.json",
        "results/ablations/schedules.json",
        "predictions/seeds/xception-1.csv",
        "histories/xception.csv",
    )
    for name in (*kept, "results/timing/xception.json", "jobs/check.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    assert kill_a_run.results_of(tmp_path) == {Path(name): name.encode() for name in kept}


def test_a_kill_finds_children_and_theirs(kill_a_run: ModuleType) -> None:
    with subprocess.Popen(
        ["sh", "-c", "sleep 60 & echo $!; wait"], stdout=subprocess.PIPE
    ) as shell:
        assert shell.stdout is not None
        grandchild = int(shell.stdout.readline())
        found = kill_a_run.everything_below(os.getpid())
        os.kill(grandchild, 9)
    assert {os.getpid(), shell.pid, grandchild} <= set(found)


def test_every_test_of_the_fault_table_is_there() -> None:
    rows = yaml.safe_load((SOAK / "fault_table.yaml").read_text())
    names = [name for row in rows for name in row["tests"]]
    assert names
    for name in names:
        file, _, test = name.partition("::")
        assert re.search(rf"^def {test}\(", (ROOT / file).read_text(), re.M), name
