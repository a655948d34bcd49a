"""One network trained on ever fewer radiographs, with all else the same."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from boneage_lib.data import Cohort
from boneage_lib.data.splits import stratified_split
from boneage_lib.errors import InputError
from boneage_lib.training.settings import Settings
from boneage_lib.training.train import train_seeds

#: Split of training radiographs that are left out: none that anything asks for.
LEFT_OUT = "left out"


def some_of_train(cohort: Cohort, n: int, seed: int = 0) -> Cohort:
    """The cohort with ``n`` of its training radiographs, drawn alike from ages and sexes.

    Radiographs, rows and checksum stay, so that features of the whole cohort are found again.

    Raises:
        InputError: more than there are, or fewer than two.
    """
    rows = cohort.rows("train")
    if not 2 <= n <= len(rows):
        raise InputError(
            f"Found {n} training radiographs asked for; expected 2 to {len(rows):,}, those there."
        )
    if n == len(rows):
        return cohort
    share = n / len(rows)
    drawn = stratified_split(cohort.labels.iloc[rows], seed, (share, 0.0, 1 - share)) == "train"
    labels = cohort.labels.copy()
    labels.loc[labels.index[rows[~drawn]], "split"] = LEFT_OUT
    return replace(cohort, labels=labels)


def train_on_some(
    name: str,
    cohort: Cohort,
    settings: Settings,
    sizes: Sequence[int],
    seeds: int,
    bank_folder: Path,
    weights: str | Path | None = None,
    checkpoints: Path | None = None,
    keep_maps: bool = False,
) -> pd.DataFrame:
    """Train a network on so many radiographs each, the smaller sets within the larger ones.

    Where ``settings`` limit the views of a radiograph, each of fewer gets as many more, so that
    every size makes the same number of updates on about the same number of different views.

    Args:
        name: a key of `NETWORKS`.
        cohort: with all three splits.
        settings: of the first training; with resampling every size makes as many updates.
        sizes: numbers of training radiographs; those above what is there are left out, and all of
            them are tried in any case.
        seeds: trainings of each size.
        bank_folder: see `boneage_lib.training.train`, also for the rest.
        weights: see `boneage_lib.bases.find_weights`.
        checkpoints: folder of training states.
        keep_maps: whether the network's own bank keeps maps, which is then used.

    Returns:
        A row for each size and seed, by size: ``n_train``, ``seed``, and ``errors_months``, the
        signed error of each test radiograph.
    """
    everyone = len(cohort.rows("train"))
    rows = []
    smaller = cohort
    for n in sorted({*(size for size in sizes if size < everyone), everyone}, reverse=True):
        smaller = some_of_train(smaller, n, settings.seed)
        for trained in train_seeds(
            name,
            smaller,
            replace(settings, views=math.ceil(settings.views * everyone / n)),
            seeds,
            bank_folder,
            weights,
            keep_maps=keep_maps,
            splits=("validation", "test"),
            verbose=False,
            checkpoints=checkpoints,
        ):
            test = trained.predictions.query("split == 'test'")
            errors = (test["predicted_months"] - test["boneage_months"]).to_numpy()
            found = {"n_train": n, "seed": trained.settings.seed, "errors_months": errors}
            rows.append(found)
    return pd.DataFrame(rows[::-1])


def as_sizes(text: str) -> list[int]:
    """Numbers from text with commas between, such as ``700, 1500``; none for nothing.

    Raises:
        InputError: something else.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if wrong := [part for part in parts if not (part.isascii() and part.isdecimal())]:
        raise InputError(
            f"Found {', '.join(wrong)} among numbers of radiographs; expected whole numbers with "
            "commas between, such as 700, 1500."
        )
    return [int(part) for part in parts]


def summarized(table: pd.DataFrame) -> pd.DataFrame:
    """Errors by number of training radiographs: means over seeds, and over their radiographs.

    Args:
        table: what `train_on_some` gives.

    Returns:
        A row a size: ``n_train``, ``seeds``, ``mae_months`` and ``rmse_months``, both lists of one
        value a seed.
    """
    rows = []
    for n in sorted(set(table["n_train"].tolist())):
        own = table[table["n_train"] == n]
        errors = np.stack(list(own["errors_months"]))
        rows.append(
            {
                "n_train": n,
                "seeds": len(own),
                "mae_months": np.abs(errors).mean(axis=1).tolist(),
                "rmse_months": np.sqrt((errors**2).mean(axis=1)).tolist(),
            }
        )
    return pd.DataFrame(rows)
