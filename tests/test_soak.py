"""The soak compares all that a run ends with, and its table names tests that are there."""

from __future__ import annotations

import importlib
import os
import random
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest
import yaml
from made_up_run import ROOT

SOAK = Path(__file__).parent / "soak"


def script(name: str) -> ModuleType:
    """One of the soak's scripts as a module."""
    sys.path.insert(0, str(SOAK))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(SOAK))


def test_everything_but_times_is_compared(tmp_path: Path) -> None:
    soak = script("kill_a_run")
    kept = (
        "results/metrics.json",
        "results/ablations/schedules.json",
        "predictions/seeds/xception-1.csv",
        "histories/xception.csv",
    )
    for name in (*kept, "results/timing/xception.json", "jobs/check.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    assert soak.results_of(tmp_path) == {Path(name): name.encode() for name in kept}


PLANTED = script("plant_faults").read_faults()


@pytest.mark.parametrize("fault", PLANTED, ids=lambda fault: fault["fault"].replace(" ", "-"))
def test_a_fault_can_be_planted_where_the_list_says(fault: dict[str, Any]) -> None:
    whole = (ROOT / fault["file"]).read_text()
    assert script("plant_faults").planted(fault, whole) != whole
    files = [test for test in fault["tests"] if not test.startswith("-")]
    assert files and all((ROOT / test.partition("::")[0]).is_file() for test in files)


def test_a_test_is_named_in_words() -> None:
    found = script("plant_faults").in_words("tests/test_metrics.py::test_scores_by_hand[0]")
    assert found == "test_metrics: scores by hand[0]"


def test_a_table_keeps_what_was_not_tried_again(tmp_path: Path) -> None:
    planting, file = script("plant_faults"), tmp_path / "planted.csv"
    names = [fault["fault"] for fault in PLANTED[:3]]
    planting.write_table(file, [[name, "a.py", "first"] for name in names])
    planting.write_table(file, [[names[1], "a.py", "again"]])
    read = [line.split(",") for line in file.read_text().splitlines()]
    assert read[0] == planting.HEADS
    assert [[row[0], row[-1]] for row in read[1:]] == [
        [names[0], "first"],
        [names[1], "again"],
        [names[2], "first"],
    ]


def test_a_fault_that_cannot_be_planted_is_named() -> None:
    fault = {"fault": "the sign", "file": "a.py", "text": "a - b", "by": "b - a"}
    with pytest.raises(ValueError, match=r"the sign: found its text 2 times in a\.py"):
        script("plant_faults").planted(fault, "a - b; a - b")


def test_a_kill_finds_children_and_theirs() -> None:
    with subprocess.Popen(
        ["sh", "-c", "sleep 60 & echo $!; wait"], stdout=subprocess.PIPE
    ) as shell:
        assert shell.stdout is not None
        grandchild = int(shell.stdout.readline())
        found = script("kill_a_run").everything_below(os.getpid())
        os.kill(grandchild, 9)
    assert {os.getpid(), shell.pid, grandchild} <= set(found)


def test_every_test_of_the_fault_table_is_there() -> None:
    rows = yaml.safe_load((SOAK / "fault_table.yaml").read_text())
    names = [name for row in rows for name in row["tests"]]
    assert names
    for name in names:
        file, _, test = name.partition("::")
        assert re.search(rf"^def {test}\(", (ROOT / file).read_text(), re.M), name


def test_every_fault_was_planted_and_noticed() -> None:
    """Of the kept table: a fault that is new on the list is to be planted before it is believed."""
    kept = (ROOT / "results" / "soak" / "planted.csv").read_text().splitlines()[1:]
    assert len(kept) == len(PLANTED)
    for line, fault in zip(kept, PLANTED, strict=True):
        assert line.startswith(fault["fault"]) and not line.endswith(",nobody"), line


def test_every_fault_from_outside_was_tried_and_survived() -> None:
    """Of the kept table, which only a soak that came to its end replaces."""
    soak = script("survive_faults")
    planned = {(fault, stage) for stage, fault, _ in soak.faults_of_stages(1, random.Random(0))}
    rows = yaml.safe_load((SOAK / "fault_table.yaml").read_text())
    planned |= {(row["fault"], row["stage"]) for row in rows}
    planned |= {("all of them", "whole run")}
    planned |= {("failing cell", stage) for stage in ("notebook", "whole run")}
    kept = pd.read_csv(ROOT / "results" / "soak" / "faults.csv")
    assert set(zip(kept["fault"], kept["stage"], strict=True)) == planned
    assert (kept["tried"] > 0).all()
    assert (kept["survived"] == kept["tried"]).all() and (kept["lost"] == 0).all()


def test_a_table_holds_only_where_everything_was_tried_and_survived(tmp_path: Path) -> None:
    table = script("survive_faults").Table(tmp_path / "faults.csv")
    table.plan("killed", "book", "whole runs")
    assert not table.holds, "it was not tried"
    table.add("killed", "book", "whole runs", survived=True)
    assert table.holds
    table.add("disk full", "book", "whole runs", survived=True, lost=1)
    assert not table.holds, "a file was lost"
    assert len(pd.read_csv(table.file)) == 2
