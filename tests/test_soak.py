"""The soak compares all that a run ends with."""

from __future__ import annotations

import importlib.util
from pathlib import Path

SCRIPT = Path(__file__).parent / "soak" / "kill_a_run.py"


def test_everything_but_times_is_compared(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("kill_a_run", SCRIPT)
    assert spec is not None and spec.loader is not None
    soak = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(soak)
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
