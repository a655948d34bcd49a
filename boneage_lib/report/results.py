"""Keep a trained network in a run's folder, with everything that is measured on it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from boneage_lib.bases import weights_kind
from boneage_lib.data import AgeNormalizer, Cohort
from boneage_lib.evaluation import (
    bootstrap_interval,
    constant_guess,
    evaluate,
    paired_difference,
    patch_sizes,
    resampled,
    student_interval,
)
from boneage_lib.report.models import keep_model
from boneage_lib.report.provenance import environment
from boneage_lib.report.run import Run

if TYPE_CHECKING:  # Keras takes seconds to load, and most notebooks need none of it.
    from boneage_lib.training import Trained


def describe_data(cohort: Cohort, weights: str | Path | None) -> dict[str, Any]:
    """What a result was measured on, for every label: kind of data, sizes, weights."""
    counts = cohort.labels["split"].value_counts()
    return {
        "cohort_kind": cohort.info["kind"],
        "split_origin": cohort.info.get("split_origin", "stratified"),
        "image_size": cohort.size,
        "n_train": int(counts["train"]),
        "n_validation": int(counts["validation"]),
        "n_test": int(counts["test"]),
        "cohort": cohort.checksum,
        "weights": weights_kind(weights),
    }


def keep(
    run: Run,
    trained: Trained,
    cohort: Cohort,
    weights: str | Path | None,
    others: Sequence[Trained] = (),
) -> dict[str, Any]:
    """Write model, history, predictions and metrics of a network into a run's folder.

    Args:
        run: where it goes.
        trained: the network that stands for its kind: its model, predictions and metrics are kept.
        cohort: what it was trained on.
        weights: its base's, see `boneage_lib.bases.find_weights`.
        others: the same network trained with other seeds, of which errors, predictions and
            histories are kept: where there are any, ``<network>-<seed>.csv`` in
            ``predictions/seeds/`` and ``histories/seeds/`` holds those of each seed.

    Returns:
        What ``results/<network>.json`` holds: ``data`` (see `describe_data`), ``settings``,
        ``normalizer``, ``base``, ``epochs`` and ``kept_epoch``, ``metrics`` of ``validation``,
        ``test`` and ``test_resampled`` (see `boneage_lib.evaluation.evaluate`), the ``constant``
        guess of the training median on test, ``against_constant``, the paired difference, and
        ``seeds`` (see `over_seeds`).
    """
    name = trained.name
    keep_model(run, name, trained.model(trained.provenance["base"]["side"], weights))
    run.write_table(f"histories/{name}.csv", trained.history, decimals=6)
    run.write_table(f"predictions/{name}.csv", trained.predictions)
    for folder in (run.predictions, run.histories):
        for left in (folder / "seeds").glob(f"{name}-*.csv"):
            left.unlink()  # of an earlier run, perhaps with more seeds
    for one in [trained, *others] if others else []:
        run.write_table(seed_predictions(name, one.settings.seed), one.predictions)
        run.write_table(seed_history(name, one.settings.seed), one.history, decimals=6)

    train_months = cohort.labels["boneage_months"].to_numpy()[cohort.rows("train")]
    tables = {
        str(split): rows.reset_index(drop=True)
        for split, rows in trained.predictions.groupby("split")
    }
    guess = constant_guess(np.asarray(train_months), tables["test"])
    provenance = dict(trained.provenance)
    seconds = provenance.pop("seconds")
    result = {
        "network": name,
        "data": describe_data(cohort, weights),
        "settings": trained.settings.as_dict(),
        "normalizer": trained.normalizer.as_dict(),
        **provenance,
        "epochs": len(trained.history),
        "kept_epoch": int(trained.history.loc[trained.history["kept"], "epoch"].iloc[0]),
        "metrics": metrics(tables, trained.normalizer, trained.settings.seed),
        "constant": evaluate(guess, trained.normalizer),
        "against_constant": paired_difference(tables["test"], guess),
        "seeds": over_seeds([trained, *others]),
    }
    run.write_json(f"{name}.json", result)
    run.write_json(f"timing/{name}.json", {"seconds": seconds, **environment()})
    return result


def seed_predictions(network: str, seed: int) -> str:
    """Where a run keeps the predictions of one of several seeds, by its path in the folder."""
    return f"predictions/seeds/{network}-{seed}.csv"


def seed_history(network: str, seed: int) -> str:
    """Where a run keeps the history of one of several seeds, by its path in the folder."""
    return f"histories/seeds/{network}-{seed}.csv"


def over_seeds(trainings: Sequence[Trained]) -> dict[str, Any]:
    """How the mean absolute error varies with the seed, months.

    Returns:
        ``seed`` (a list), and for ``validation`` and ``test`` the errors ``mae_months`` in that
        order, their ``mean`` and, from two on, its 95 % interval ``mean_ci`` (Student's).
    """
    found: dict[str, Any] = {"seed": [trained.settings.seed for trained in trainings]}
    for split in ("validation", "test"):
        errors = []
        for trained in trainings:
            rows = trained.predictions.query("split == @split")
            error = (rows["predicted_months"] - rows["boneage_months"]).abs()
            errors.append(float(error.mean()))
        found[split] = {"mae_months": errors, "mean": float(np.mean(errors))}
        if len(errors) > 1:
            found[split]["mean_ci"] = student_interval(errors)
    return found


def metrics(
    tables: dict[str, Any], normalizer: AgeNormalizer, seed: int = 0
) -> dict[str, dict[str, Any]]:
    """`evaluate` of ``validation`` and ``test``, and of ``test_resampled`` as in the paper.

    Z-units are those of the training normalizer. The resampled set is drawn with `seed`.
    """
    return {
        "validation": evaluate(tables["validation"], normalizer),
        "test": evaluate(tables["test"], normalizer),
        "test_resampled": evaluate(resampled(tables["test"], seed=seed), normalizer, repeats=True),
    }


def keep_patch_study(
    run: Run, study: pd.DataFrame, curves: pd.DataFrame, fair: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Write the patch-size study into a run's folder, times apart from what does not change.

    Args:
        run: where it goes.
        study: see `boneage_lib.training.patch_study`.
        curves: the curves of Figure 5.
        fair: see `boneage_lib.training.fair_patch_study`.

    Returns:
        What ``results/patch_size_study.csv`` and ``results/patch_size_fair.csv`` hold: both tables
        with ``low`` and ``high``, a 95 % bootstrap interval over validation radiographs, in place
        of their errors; and what ``results/patch_sizes.json`` holds, see
        `boneage_lib.evaluation.patch_sizes`.
    """
    kept = with_intervals(study), with_intervals(fair), patch_sizes(fair)
    run.write_table("results/patch_size_study.csv", kept[0])
    run.write_table("results/patch_losses.csv", curves)
    run.write_table("results/patch_size_fair.csv", kept[1])
    run.write_json("patch_sizes.json", kept[2].to_dict("records"))
    seconds: dict[str, Any] = {}
    for version, table in (("printed", study), ("fair", fair)):
        for row in table.to_dict("records"):
            setting = seconds.setdefault(f"{row['patch_count']} × {row['patch_size']} px", {})
            setting.setdefault(version, []).append(row["seconds"])
    run.write_json("timing/patch_size_study.json", {"seconds": seconds, **environment()})
    return kept


def with_intervals(study: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """A patch-size study with a 95 % bootstrap interval of each validation error, months."""
    table = study.drop(columns=["errors_months", "seconds"], errors="ignore")
    intervals = [bootstrap_interval(errors, seed=seed) for errors in study["errors_months"]]
    table["low"] = [interval[0] if interval else np.nan for interval in intervals]
    table["high"] = [interval[1] if interval else np.nan for interval in intervals]
    return table
