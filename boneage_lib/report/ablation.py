"""An ablation in a run's folder: errors of its arms, and how far they lie apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from IPython.display import Markdown

from boneage_lib.evaluation import paired_over_seeds
from boneage_lib.report.run import Run, project_root
from boneage_lib.report.tables import ablation, show
from boneage_lib.report.wording import NOT_MEASURED, REAL_STUDY

if TYPE_CHECKING:  # Keras takes seconds to load.
    from boneage_lib.data import Cohort
    from boneage_lib.training import Settings


#: What each ablation compares, as captions begin.
COMPARED = {
    "schedules": "Xception under each learning-rate schedule",
    "resampling": "Xception with and without resampling",
    "input_form": "ResNet50 on patches with both forms of input",
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

    With ``seeds`` 0 nothing is trained, what an earlier run left in the folder is deleted, and the
    study of real radiographs is shown where it is kept.

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
        found, on, of = keep_ablation(run, study, table), "this run", ""
    else:
        # Of an earlier run in this folder, whose numbers would enter the ledger of this one.
        (run.results / "ablations" / f"{study}.json").unlink(missing_ok=True)
        kept = project_root() / "results" / REAL_STUDY / "ablations" / f"{study}.json"
        if not kept.is_file():
            return Markdown(f"Left out of this run (`ablation_seeds = 0`), and {NOT_MEASURED}.")
        found, on, of = json.loads(kept.read_text()), f"results/{REAL_STUDY}", REAL_STUDY
    return show(
        ablation(found),
        f"{COMPARED[study]}: mean absolute error of {found['n']} validation radiographs, months, "
        f"of {on}. Mean and 95 % interval over seeds; difference to the first row, paired, with an "
        "interval that covers the one over seeds and the one over radiographs.",
        of=of,
    )


def keep_ablation(run: Run, study: str, table: pd.DataFrame) -> dict[str, Any]:
    """Write ``results/ablations/<study>.json``.

    An arm's difference to the first is that of `boneage_lib.evaluation.paired_over_seeds`.

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
            found["arms"][name] |= paired_over_seeds(
                *(np.stack(list(each["errors_months"])) for each in (rows, first))
            )
    run.write_json(f"ablations/{study}.json", found)
    return found
