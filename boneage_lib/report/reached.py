"""What goes beyond the paper: of a run, or of a kept study where the run leaves it out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boneage_lib.report.run import Run, project_root
from boneage_lib.report.wording import NOT_MEASURED

#: In place of steps: none are tried.
NONE = "none"


@dataclass(frozen=True)
class Reached:
    """Results of this run or of a kept study.

    Attributes:
        found: a result file's content; None where neither has one.
        of: the kept study that it is from; empty for this run's own.
        setting: with which this run leaves it out.
    """

    found: dict[str, Any] | None
    of: str
    setting: str

    @property
    def absent(self) -> str:
        """A sentence in place of what is not there."""
        return f"Left out of this run (`{self.setting}`), and {NOT_MEASURED} by a kept study."

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
    setting = f'rungs = "{NONE}"'
    if rungs.strip() == NONE:
        return _kept(run, study, "beyond.json", setting)
    from boneage_lib.report.beyond import climb, judge
    from boneage_lib.training.ladder import rungs_named
    from boneage_lib.training.tuning import Tuning

    cohort, tuning = run.cohort(), Tuning(**first)
    ladder = climb(run, cohort, tuning, rungs_named(rungs), weights, pretraining, longer)
    return Reached(judge(run, cohort, ladder, weights), "", setting)


def on_some(
    run: Run,
    sizes: str,
    study: str,
    weights: str | Path | None,
    network: str,
    seeds: int,
    **settings: Any,
) -> Reached:
    """Train a network, its base frozen, on ever fewer radiographs, or read the kept study's.

    Writes ``results/data_size.json``: ``data``, ``network``, and ``sizes``, see
    `boneage_lib.training.data_size.summarized`.

    Args:
        run: whose cohort and bank are used.
        sizes: numbers of training radiographs with commas between; empty reads the kept study's.
        study: see `reach`.
        weights: see there.
        network: a key of `boneage_lib.networks.NETWORKS`.
        seeds: trainings of each size.
        settings: of `boneage_lib.training.Settings`.
    """
    setting = 'sizes = ""'
    if not sizes.strip():
        return _kept(run, study, "data_size.json", setting)
    from boneage_lib.report.results import describe_data
    from boneage_lib.training import Settings
    from boneage_lib.training.data_size import as_sizes, summarized, train_on_some

    wanted, cohort = as_sizes(sizes), run.cohort()
    table = train_on_some(
        network,
        cohort,
        Settings(**settings),
        wanted,
        seeds,
        run.bank,
        weights,
        run.checkpoints,
    )
    found = {
        "data": describe_data(cohort, weights),
        "network": network,
        "sizes": summarized(table).to_dict("records"),
    }
    run.write_json("data_size.json", found)
    return Reached(found, "", setting)


def _kept(run: Run, study: str, name: str, setting: str) -> Reached:
    """What a study keeps; what an earlier run left in the folder would pass for this one's."""
    (run.results / name).unlink(missing_ok=True)
    kept = project_root() / "results" / study / name
    return Reached(json.loads(kept.read_text()) if kept.is_file() else None, study, setting)
