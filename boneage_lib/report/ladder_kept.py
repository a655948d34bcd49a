"""The ladder that a run climbs, or that of a kept study where it climbs none."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boneage_lib.report.run import Run, project_root

#: In place of steps: none are tried.
NONE = "none"


@dataclass(frozen=True)
class Reached:
    """A ladder, judged.

    Attributes:
        found: see `boneage_lib.report.beyond.judge`; None where none was climbed and none is kept.
        of: the kept study that it is from; empty for this run's own.
    """

    found: dict[str, Any] | None
    of: str

    @property
    def absent(self) -> str:
        """A sentence in place of what is not there."""
        return 'Left out of this run (`rungs = "none"`), and not measured by a kept study.'

    @property
    def on(self) -> str:
        """What it was measured on, for captions."""
        return f"results/{self.of}" if self.of else "this run"


def reach(
    run: Run,
    rungs: str,
    study: str,
    weights: str | Path | None,
    pretraining: int,
    longer: int,
    **first: Any,
) -> Reached:
    """Climb the ladder and judge it, or read the kept study's.

    Args:
        run: whose cohort is trained on.
        rungs: see `boneage_lib.training.ladder.rungs_named`; ``none`` reads the kept study's, and
            deletes what an earlier run left in the folder.
        study: a folder below ``results/``.
        weights: see `boneage_lib.bases.find_weights`.
        pretraining: see `boneage_lib.report.beyond.climb`, also for ``longer``.
        longer: see there.
        first: settings of `boneage_lib.training.tuning.Tuning` that all steps begin with.
    """
    if rungs.strip() == NONE:
        (run.results / "beyond.json").unlink(missing_ok=True)
        kept = project_root() / "results" / study / "beyond.json"
        return Reached(json.loads(kept.read_text()) if kept.is_file() else None, study)
    from boneage_lib.report.beyond import climb, judge
    from boneage_lib.training.ladder import rungs_named
    from boneage_lib.training.tuning import Tuning

    cohort, tuning = run.cohort(), Tuning(**first)
    ladder = climb(run, cohort, tuning, rungs_named(rungs), weights, pretraining, longer)
    return Reached(judge(run, cohort, ladder, weights), "")
