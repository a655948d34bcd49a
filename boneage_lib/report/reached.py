"""What goes beyond the paper: of a run, or of a kept study where the run leaves it out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boneage_lib.report.ladder.files import (
    NO_RUNGS,
    PRETRAINED,
    forget_histories,
    forget_judgment,
)
from boneage_lib.report.run import Run
from boneage_lib.report.wording import NOT_MEASURED, study_file, title


@dataclass(frozen=True)
class Reached:
    """Results of this run or of a kept study.

    Attributes:
        found: a result file's content; None where neither has one.
        of: the kept study that it is from; empty for this run's own.
        absent: a sentence in place of what is not there.
    """

    found: dict[str, Any] | None
    of: str
    absent: str

    @property
    def on(self) -> str:
        """What it was measured on, for captions."""
        return f"results/{self.of}" if self.of else "this run"

    @property
    def network(self) -> str:
        """Which network was trained, for captions."""
        return title(self.found["network"]) if self.found else "a network"


def reach(
    run: Run,
    rungs: str,
    study: str,
    weights: str | Path | None,
    pretraining: int = 0,
    few: int = 0,
    longer: int = 0,
    larger: int = 0,
    rounds: int = 1,
    members: int = 1,
    judged: bool = True,
    **first: Any,
) -> Reached:
    """Climb the ladder and judge it, or read the kept study's.

    Args:
        run: whose cohort is trained on.
        rungs: see `boneage_lib.training.ladder.rungs_named`; ``none`` reads the kept study's, and
            deletes what an earlier run left in the folder.
        study: a folder below ``results/``.
        weights: see `boneage_lib.bases.find_weights`.
        pretraining: see `boneage_lib.report.ladder.climb.climb`, also for the next five.
        few: see there.
        longer: see there.
        larger: see there.
        rounds: see there.
        members: see there.
        judged: whether the test radiographs are asked about in the end. False leaves them alone
            while settings may still be changed for what validation says.
        first: settings of `boneage_lib.training.tuning.Tuning` that all steps begin with.
    """
    if rungs.strip() == NO_RUNGS:
        forget_judgment(run)
        forget_histories(run)
        return _kept(run, study, "beyond.json", f'rungs = "{NO_RUNGS}"')
    from boneage_lib.report.ladder.climb import climb
    from boneage_lib.report.ladder.judge import judge
    from boneage_lib.training.ladder import rungs_named
    from boneage_lib.training.tuning import Tuning

    cohort, tuning, steps = run.cohort(), Tuning(**first), rungs_named(rungs)
    ladder = climb(
        run, cohort, tuning, steps, weights, pretraining, few, longer, larger, rounds, members
    )
    if judged:
        return Reached(judge(run, cohort, ladder, weights), "", "")
    forget_judgment(run)
    return Reached(None, "", "The test radiographs are not asked about yet (`judged = False`).")


def begun(reached: Reached, study: str) -> Reached:
    """Steps that began with synthetic radiographs: of the ladder shown, or of a study of theirs.

    Args:
        reached: the ladder shown.
        study: a folder below ``results/`` that is read where that ladder has no such step.
    """
    if reached.found and any(step["name"] == PRETRAINED for step in reached.found["steps"]):
        return reached
    found = study_file(study, "beyond.json")
    absent = reached.absent or "Not tried (`pretraining = 0`)."
    return Reached(found, study if found else reached.of, absent)


def on_some(
    run: Run,
    sizes: str,
    study: str,
    weights: str | Path | None,
    network: str,
    seeds: int,
    keep_maps: bool = False,
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
        keep_maps: whether the run's own bank of this network keeps maps, which is then used.
        settings: of `boneage_lib.training.Settings`.
    """
    if not sizes.strip():
        return _kept(run, study, "data_size.json", 'sizes = ""')
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
        keep_maps,
    )
    found = {
        "data": describe_data(cohort, weights),
        "network": network,
        "sizes": summarized(table).to_dict("records"),
    }
    run.write_json("data_size.json", found)
    return Reached(found, "", "")


def _kept(run: Run, study: str, name: str, setting: str) -> Reached:
    """What a study keeps; what an earlier run left in the folder would pass for this one's."""
    (run.results / name).unlink(missing_ok=True)
    absent = f"Left out of this run (`{setting}`), and {NOT_MEASURED} by a kept study."
    return Reached(study_file(study, name), study, absent)
