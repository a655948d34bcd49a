"""What the paper says helps or does not, tried with everything else held the same.

Each ablation trains one network in several arms over the same seeds, and looks at the error of the
same validation radiographs in months: not resampled and not augmented. They also choose the epoch
whose weights are kept, in every arm alike; no arm stops early. The test set is not touched.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from boneage_lib.data import Cohort
from boneage_lib.errors import InputError
from boneage_lib.training.plan import draw_epochs
from boneage_lib.training.settings import SCHEDULES, Settings
from boneage_lib.training.train import Trained, train_seeds


@dataclass(frozen=True)
class Arm:
    """One way to train.

    Attributes:
        settings: of the first training; the others count its seed up.
        input_form: ``"tf"`` or ``"caffe"``, or None for what the base's weights expect.
    """

    settings: Settings
    input_form: str | None = None


def _schedules(cohort: Cohort, settings: Settings) -> dict[str, Arm]:
    # Without early stopping: every arm makes the same number of updates.
    return {name: Arm(replace(settings, schedule=name, stop_patience=0)) for name in SCHEDULES}


def _resampling(cohort: Cohort, settings: Settings) -> dict[str, Arm]:
    resampled = replace(settings, stop_patience=0)
    draws = draw_epochs(cohort, resampled).shape[1]
    as_it_is = replace(resampled, draws_per_cell=0, epoch_draws=draws)
    return {"resampled": Arm(resampled), "as_it_is": Arm(as_it_is)}


def _input_form(cohort: Cohort, settings: Settings) -> dict[str, Arm]:
    return {form: Arm(replace(settings, stop_patience=0), form) for form in ("caffe", "tf")}


@dataclass(frozen=True)
class Ablation:
    """What is tried, and on which network.

    Attributes:
        network: a key of `boneage_lib.networks.NETWORKS`.
        arms: from a cohort and the network's settings to the arms by name; the first is the one
            that the others are compared with.
    """

    network: str
    arms: Callable[[Cohort, Settings], dict[str, Arm]]


#: The learning-rate schedules of section III and one decay over all epochs; section IV's uniform
#: resampling against the radiographs as they come, with as many updates; [-1, 1] for all bases, as
#: section IV has it, against what ResNet50's weights expect.
ABLATIONS = {
    "schedules": Ablation("xception", _schedules),
    "resampling": Ablation("xception", _resampling),
    "input_form": Ablation("resnet50_patches", _input_form),
}


def arms_of(study: str, cohort: Cohort, settings: Settings) -> dict[str, Arm]:
    """The arms of an ablation by name.

    Raises:
        InputError: an unknown ablation, or resampling without draws.
    """
    if study not in ABLATIONS:
        raise InputError(f"Found ablation {study!r}; expected one of {', '.join(ABLATIONS)}.")
    if study == "resampling" and not settings.draws_per_cell:
        raise InputError(
            "Found draws_per_cell=0 with an ablation of resampling; expected 1 or more draws."
        )
    return ABLATIONS[study].arms(cohort, settings)


def train_arm(
    study: str,
    arm: Arm,
    cohort: Cohort,
    seeds: int,
    bank_folder: Path,
    weights: str | Path | None = None,
    checkpoints: Path | None = None,
    keep_maps: bool = False,
) -> list[Trained]:
    """Train one arm with every seed; what was trained before is found among the checkpoints.

    Args:
        study: a key of `ABLATIONS`.
        arm: one of `arms_of`.
        cohort: with train and validation radiographs.
        seeds: trainings, 1 or more.
        bank_folder: see `boneage_lib.training.train`, also for the rest.
        weights: see `boneage_lib.bases.find_weights`.
        checkpoints: folder of training states.
        keep_maps: whether the network's own bank keeps maps, which is then used.
    """
    return train_seeds(
        ABLATIONS[study].network,
        cohort,
        arm.settings,
        seeds,
        bank_folder,
        weights,
        input_form=arm.input_form,
        keep_maps=keep_maps,
        splits=("validation",),
        verbose=False,
        checkpoints=checkpoints,
    )


def ablate(
    study: str,
    cohort: Cohort,
    settings: Settings,
    seeds: int,
    bank_folder: Path,
    weights: str | Path | None = None,
    checkpoints: Path | None = None,
    keep_maps: bool = False,
) -> pd.DataFrame:
    """Train a network in all arms of an ablation over the same seeds.

    Args:
        study: a key of `ABLATIONS`.
        cohort: see `train_arm`, also for the rest.
        settings: of the network's first training.
        seeds: trainings of each arm; two or more give an interval.
        bank_folder: where feature banks lie.
        weights: see `boneage_lib.bases.find_weights`.
        checkpoints: folder of training states.
        keep_maps: see `train_arm`.

    Returns:
        A row for each arm and seed: ``network``, ``arm``, ``seed``, ``updates`` (optimizer steps),
        ``mae_months`` and ``errors_months`` (mean and each validation radiograph's absolute error).

    Raises:
        InputError: what `arms_of` and `train_seeds` raise.
    """
    rows = []
    for name, arm in arms_of(study, cohort, settings).items():
        steps = math.ceil(draw_epochs(cohort, arm.settings).shape[1] / arm.settings.batch_size)
        for trained in train_arm(
            study, arm, cohort, seeds, bank_folder, weights, checkpoints, keep_maps
        ):
            predictions = trained.predictions
            error = (predictions["predicted_months"] - predictions["boneage_months"]).abs()
            rows.append(
                {
                    "network": ABLATIONS[study].network,
                    "arm": name,
                    "seed": trained.settings.seed,
                    "updates": steps * len(trained.history),
                    "mae_months": float(error.mean()),
                    "errors_months": error.to_numpy(),
                }
            )
    return pd.DataFrame(rows)
