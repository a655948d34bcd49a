"""Steps of the ladder from the paper's recipe to a better one, and what they answered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from boneage_lib.data import Cohort
from boneage_lib.training.tuning import Tuning


@dataclass(frozen=True)
class Step:
    """One step, as validation radiographs see it.

    Attributes:
        name: of files.
        title: in print.
        why: it may help.
        added_to: name of the step that it was added to, or is held against; None for neither.
        tuning: how the networks were trained that answer, but for their seeds; where they were
            trained in several ways, that of the best step before; see `Ladder.tunings`.
        networks: names of these networks, whose answers are averaged.
        turned: answers are averaged over `boneage_lib.inputs.TURNED`.
        corrected: by a line through validation radiographs.
        validation_months: answers to the validation radiographs; where corrected, each by a line
            through others.
        mae_months: their mean absolute error.
        n_train: training radiographs.
        aside: beside the ladder: held against another step, never the best.
        seconds: of the training; 0 where nothing was trained.
    """

    name: str
    title: str
    why: str
    added_to: str | None
    tuning: Tuning
    networks: tuple[str, ...]
    turned: bool
    corrected: bool
    validation_months: np.ndarray
    mae_months: float
    n_train: int
    aside: bool = False
    seconds: float = 0.0


@dataclass(frozen=True)
class Ladder:
    """All steps, and which of them is the best on validation.

    Attributes:
        steps: in the order in which they were tried.
        best: the one with the least error of those that are not aside, the earliest of equals.
        tunings: how every network was trained, by its name.
    """

    steps: list[Step]
    best: Step
    tunings: dict[str, Tuning]


def ages_of(cohort: Cohort, split: str) -> np.ndarray:
    """Reference ages of a split's radiographs, months (n,)."""
    return np.asarray(cohort.labels["boneage_months"].to_numpy()[cohort.rows(split)])


def error_of(cohort: Cohort, validation_months: np.ndarray) -> float:
    """Mean absolute error of answers to the validation radiographs, months."""
    return float(np.abs(validation_months - ages_of(cohort, "validation")).mean())


def answered(cohort: Cohort, split: str, months: np.ndarray) -> pd.DataFrame:
    """A split's labels with ``predicted_months``, to the digits that are kept."""
    table = cohort.labels.iloc[cohort.rows(split)].reset_index(drop=True)
    return table.assign(predicted_months=np.round(months, 4))
