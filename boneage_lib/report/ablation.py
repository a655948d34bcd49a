"""An ablation in a run's folder: errors of its arms, and how far they lie apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from IPython.display import Markdown

from boneage_lib.evaluation import bootstrap_interval, student_interval
from boneage_lib.report.run import Run, project_root
from boneage_lib.report.tables import show
from boneage_lib.report.theme import signed
from boneage_lib.report.wording import NOT_MEASURED, REAL_STUDY, with_interval

if TYPE_CHECKING:  # Keras takes seconds to load.
    from boneage_lib.data import Cohort
    from boneage_lib.training import Settings

#: Arms of ablations as tables call them.
ARM_TITLES = {
    "plateau": "halved on a plateau (the reference)",
    "sawtooth": "1e-3 to 1e-5 within each epoch",
    "exponential": "one decay over all epochs",
    "constant": "constant",
    "resampled": "uniform over age and sex (the reference)",
    "as_it_is": "as the radiographs come",
    "caffe": "as the weights expect (the reference)",
    "tf": "[-1, 1], as printed",
}


def show_ablation(
    run: Run,
    study: str,
    cohort: Cohort,
    settings: Settings,
    seeds: int,
    weights: str | Path | None,
    keep_maps: bool = False,
) -> Any:
    """Train the arms of an ablation, keep what came of it, and show it.

    With ``seeds`` 0 nothing is trained, and the study of real radiographs is shown where it is
    kept.

    Args:
        run: whose bank, checkpoints and results are used.
        study: a key of `boneage_lib.training.ablations.ABLATIONS`.
        cohort: see `boneage_lib.training.ablations.ablate`, also for the rest.
        settings: of the network's first training.
        seeds: trainings of each arm.
        weights: see `boneage_lib.bases.find_weights`.
        keep_maps: whether the network's bank keeps maps.
    """
    if seeds:
        from boneage_lib.training.ablations import ablate

        table = ablate(
            study, cohort, settings, seeds, run.bank, weights, run.checkpoints, keep_maps
        )
        found, on = keep_ablation(run, study, table), "this run"
    else:
        kept = project_root() / "results" / REAL_STUDY / "ablations" / f"{study}.json"
        if not kept.is_file():
            return Markdown(f"Left out of this run (`ablation_seeds = 0`), and {NOT_MEASURED}.")
        found, on = json.loads(kept.read_text()), f"results/{REAL_STUDY}"
    return show(
        ablation_table(found),
        f"Mean absolute error of {found['n']} validation radiographs, months, of {on}: mean and "
        "95 % interval over seeds; difference to the first row, paired, with an interval that "
        "covers the one over seeds and the one over radiographs.",
    )


def keep_ablation(run: Run, study: str, table: pd.DataFrame) -> dict[str, Any]:
    """Write ``results/ablations/<study>.json``.

    Two things could have come out otherwise: which seeds, and which validation radiographs. An
    arm's difference to the first has Student's interval over seeds, paired by seed, and a bootstrap
    interval over radiographs, paired by radiograph, of errors averaged over seeds; ``interval``
    reaches from the lower to the upper limits of the two.

    Args:
        run: where it goes.
        study: a key of `boneage_lib.training.ablations.ABLATIONS`.
        table: what `boneage_lib.training.ablations.ablate` gives.

    Returns:
        ``network``, ``n`` (validation radiographs), ``reference`` (the first arm), and ``arms`` by
        name: ``seed``, ``updates``, ``mae_months`` (lists), and but for the reference
        ``difference_months``, ``over_seeds``, ``over_radiographs`` and ``interval`` (months; None
        with one seed).
    """
    arms = {str(name): rows for name, rows in table.groupby("arm", sort=False)}
    reference, first = next(iter(arms.items()))
    found: dict[str, Any] = {
        "network": str(first["network"].iloc[0]),
        "n": len(first["errors_months"].iloc[0]),
        "reference": reference,
        "arms": {},
    }
    for name, rows in arms.items():
        found["arms"][name] = {key: rows[key].tolist() for key in ("seed", "updates", "mae_months")}
        if name != reference:
            found["arms"][name] |= _less(rows, first)
    run.write_json(f"ablations/{study}.json", found)
    return found


def ablation_table(found: dict[str, Any] | None) -> pd.DataFrame:
    """An ablation in words, one row an arm.

    Args:
        found: see `keep_ablation`; None gives an empty table.
    """
    if found is None:
        return pd.DataFrame()
    rows = []
    for name, arm in found["arms"].items():
        errors = {
            "mae_months": float(np.mean(arm["mae_months"])),
            "mae_months_ci": student_interval(arm["mae_months"]),
        }
        less = "—"
        if name != found["reference"]:
            less = signed(arm["difference_months"], 2)
            if arm["interval"] is not None:
                low, high = (signed(limit, 2) for limit in arm["interval"])
                less += f" ({low} to {high})"
        updates = sorted(set(arm["updates"]))
        rows.append(
            {
                "arm": ARM_TITLES.get(name, name),
                "updates": " to ".join(f"{number:,}" for number in {updates[0], updates[-1]}),
                "seeds": len(arm["seed"]),
                "mean absolute error": with_interval(errors, "mae_months"),
                "less the first": less,
            }
        )
    return pd.DataFrame(rows).set_index("arm")


def read_ablations(run: Run) -> dict[str, Any]:
    """All ablations of a run by name; empty where it made none."""
    files = sorted((run.results / "ablations").glob("*.json"))
    return {file.stem: json.loads(file.read_text()) for file in files}


def _less(rows: pd.DataFrame, reference: pd.DataFrame) -> dict[str, Any]:
    """Differences of an arm to the reference arm of the same seeds."""
    by_seed = rows["mae_months"].to_numpy() - reference["mae_months"].to_numpy()
    errors, others = (np.stack(list(each["errors_months"])) for each in (rows, reference))
    over_radiographs = bootstrap_interval((errors - others).mean(axis=0))
    over_seeds = student_interval(by_seed)
    interval = None
    if over_seeds is not None and over_radiographs is not None:
        lows, highs = zip(over_seeds, over_radiographs, strict=True)
        interval = [float(min(lows)), float(max(highs))]
    return {
        "difference_months": float(by_seed.mean()),
        "over_seeds": over_seeds,
        "over_radiographs": None if over_radiographs is None else list(over_radiographs),
        "interval": interval,
    }
