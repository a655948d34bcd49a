"""What the paper says helps or does not, tried with everything else held the same.

Each study trains one network in several arms over the same seeds, and looks at the error of the
same untouched validation radiographs in months. The test set is not touched.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from boneage_lib.data import Cohort
from boneage_lib.training.plan import draw_epochs
from boneage_lib.training.settings import Settings
from boneage_lib.training.train import train_seeds

Arm = tuple[Settings, str | None]  # settings, and the form of the input or the base's own


def compare_arms(
    name: str,
    cohort: Cohort,
    arms: Mapping[str, Arm],
    seeds: int,
    bank_folder: Path,
    weights: str | Path | None = None,
    checkpoints: Path | None = None,
) -> dict[str, Any]:
    """Train a network in several arms over the same seeds.

    Args:
        name: a key of `boneage_lib.networks.NETWORKS`.
        cohort: with train and validation radiographs.
        arms: settings and form of the input by arm; seeds count up from the settings' own.
        seeds: trainings of each arm; two or more give an interval.
        bank_folder: see `boneage_lib.training.train`, also for the rest.
        weights: see `boneage_lib.bases.find_weights`.
        checkpoints: folder of training states.

    Returns:
        Plain values for JSON: ``network``, ``arms`` ({arm: ``seed`` and ``mae_months`` of
        validation, lists}) and ``updates`` ({arm: optimizer steps of a training}).

    Raises:
        InputError: what `train_seeds` raises.
    """
    found: dict[str, Any] = {"network": name, "arms": {}, "updates": {}}
    for arm, (settings, form) in arms.items():
        trainings = train_seeds(
            name,
            cohort,
            settings,
            seeds,
            bank_folder,
            weights,
            input_form=form,
            splits=("validation",),
            verbose=False,
            checkpoints=checkpoints,
        )
        errors = []
        for trained in trainings:
            rows = trained.predictions.query("split == 'validation'")
            errors.append(float((rows["predicted_months"] - rows["boneage_months"]).abs().mean()))
        found["arms"][arm] = {
            "seed": [trained.settings.seed for trained in trainings],
            "mae_months": errors,
        }
        steps = math.ceil(draw_epochs(cohort, settings).shape[1] / settings.batch_size)
        found["updates"][arm] = steps * len(trainings[0].history)
    return found


def schedule_arms(settings: Settings) -> dict[str, Arm]:
    """The learning-rate schedules of section III, and one decay over all epochs."""
    return {
        name: (replace(settings, schedule=name, stop_patience=0), None)
        for name in ("plateau", "sawtooth", "exponential", "constant")
    }


def resampling_arms(cohort: Cohort, settings: Settings) -> dict[str, Arm]:
    """With and without uniform resampling, with as many draws as the cells allow to be equal."""
    whole = replace(settings, draws_per_cell=0, stop_patience=0)
    cells = draw_epochs(cohort, replace(settings, draws_per_cell=1)).shape[1]
    each = max(1, round(len(cohort.rows("train")) / cells))
    return {"resampled": (replace(whole, draws_per_cell=each), None), "as_it_is": (whole, None)}


def input_form_arms(settings: Settings) -> dict[str, Arm]:
    """[-1, 1] for all bases as section IV has it, and what ResNet50's weights expect."""
    return {form: (settings, form) for form in ("tf", "caffe")}


def ablations(
    cohort: Cohort,
    settings: Settings,
    seeds: int,
    bank_folder: Path,
    weights: str | Path | None = None,
    checkpoints: Path | None = None,
    name: str = "xception",
) -> dict[str, Any]:
    """All three studies; what a run keeps as ``results/ablations.json``.

    Args:
        cohort: see `compare_arms`, also for the rest.
        settings: of the first training of every arm.
        seeds: trainings of each arm.
        bank_folder: where feature banks lie.
        weights: see `boneage_lib.bases.find_weights`.
        checkpoints: folder of training states.
        name: network on whole radiographs of the studies of schedules and of resampling.

    Returns:
        ``schedules``, ``resampling`` and ``input_form``, each as `compare_arms` gives it.
    """
    studies = {
        "schedules": (name, schedule_arms(settings)),
        "resampling": (name, resampling_arms(cohort, settings)),
        "input_form": ("resnet50_patches", input_form_arms(settings)),
    }
    return {
        study: compare_arms(network, cohort, arms, seeds, bank_folder, weights, checkpoints)
        for study, (network, arms) in studies.items()
    }
