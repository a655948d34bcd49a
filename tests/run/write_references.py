"""Measure what the demo's errors are on this machine, and how far chance moves them.

    .venv/bin/python tests/run/write_references.py [--seeds 10]

Trains every network of runs/demo, which must be finished, with more seeds on the banks that are
there, and writes `references.json`: the means of errors over seeds, months, their standard
deviations, and the tolerances that follow from both. Another machine's rounding ends, at worst, in
what another seed would have given; so its error lies in the seeds' prediction interval with the
probability that `CONFIDENCE` says. Beside it stands what each type of processor that was tried gave
for the demo's own seed; those of other machines are kept as long as the demo has the same
radiographs and settings. On a processor that was tried, errors must be the same to `AGREE_WITHIN`,
the last digit that the book prints.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from scipy import stats

from boneage_lib.data import AgeNormalizer
from boneage_lib.evaluation.seeds import seed_study
from boneage_lib.report.plan import NETWORK_OF, PATCH_STUDY, plan_of
from boneage_lib.report.provenance import environment
from boneage_lib.report.run import Run
from boneage_lib.training import train_seeds

FILE = Path(__file__).with_name("references.json")
CONFIDENCE = 0.99
AGREE_WITHIN = 0.1  # months


def predictions(
    run: Run, settings: dict[str, Any], seeds: int
) -> dict[str, dict[int, pd.DataFrame]]:
    """By network and seed, what every training predicts."""
    cohort, found = run.cohort(), {}
    for notebook, network in NETWORK_OF.items():
        plan = plan_of(notebook, settings)
        trainings = train_seeds(
            network,
            cohort,
            plan.settings,
            seeds,
            run.bank,
            plan.weights,
            verbose=False,
            checkpoints=run.checkpoints,
            **plan.more,
        )
        found[network] = {each.settings.seed: each.predictions for each in trainings}
    return found


def tolerance(sd: float, n: int) -> float:
    """Half the width of the interval in which one more value lies, n others having this spread."""
    return float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * sd * math.sqrt(1 + 1 / n)


def processor(name: str) -> str:
    """A type of processor: its name, which many share, and its widest instructions."""
    file = Path("/proc/cpuinfo")
    flags = file.read_text() if file.is_file() else ""
    widest = next((word for word in ("amx_bf16", "avx512f", "avx2") if word in flags), "")
    return f"{name}, {widest}" if widest else name


def of_own_seed(run: Run) -> dict[str, float]:
    """Errors of a run's networks, ensembles and patch settings, months to two digits."""
    metrics = run.read_json("metrics.json", "08_ensemble_analysis")
    found = {
        f"{row['name']}, {key}": row[key]
        for row in metrics["ensemble"]
        for key in ("mae_months", "rmse_months", "mae_validation_months")
    }
    for study in ("patch_size_study", "patch_size_fair"):
        table = run.read_table(f"results/{study}.csv", "07_patch_size_study")
        found |= {
            f"{study}, {row.patch_count} patches, seed {getattr(row, 'seed', 0)}": row.mae_months
            for row in table.itertuples(index=False)
        }
    return {name: round(float(value), 2) for name, value in found.items()}


def what_is_trained(run: Run, settings: dict[str, Any]) -> str:
    """Twelve hexadecimal digits of the demo's radiographs and of what its trainings are told."""
    plans = [str(plan_of(notebook, settings)) for notebook in (*NETWORK_OF, PATCH_STUDY)]
    return hashlib.sha256("\n".join([run.cohort().checksum, *plans]).encode()).hexdigest()[:12]


def by_seed(
    tables: dict[str, dict[int, pd.DataFrame]], split: str, error: Callable[[pd.Series], float]
) -> dict[str, dict[str, float]]:
    """The spread over seeds of each network's error, see `spread`."""
    found = {}
    for name, of_network in tables.items():
        parts = [table[table["split"] == split] for table in of_network.values()]
        errors = [error(part["predicted_months"] - part["boneage_months"]) for part in parts]
        found[name] = spread(float(np.mean(errors)), float(np.std(errors, ddof=1)), len(errors))
    return found


def spread(mean: float, sd: float, seeds: int) -> dict[str, float]:
    """What a reference holds."""
    found = {"mean": mean, "sd": sd, "tolerance": tolerance(sd, seeds)}
    return {name: round(value, 3) for name, value in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    seeds = parser.parse_args().seeds
    run = Run("runs/demo")
    settings = yaml.safe_load(run.parameters_file.read_text())
    metrics = run.read_json("metrics.json", "08_ensemble_analysis")
    normalizer = AgeNormalizer(**metrics["normalizer"])
    tables = predictions(run, settings, seeds)
    study = seed_study(tables, normalizer)
    before = json.loads(FILE.read_text()) if FILE.is_file() else {}
    of = what_is_trained(run, settings)
    # The last bits of the demo's radiographs differ from one type of processor to another.
    known = before.get("of", [])
    others = before["processors"] if of in known else {}
    made = environment()
    record = {
        "seeds": seeds,
        "confidence": CONFIDENCE,
        "made_by": made,
        "processors_agree_within_months": AGREE_WITHIN,
        "of": known if of in known else [of],
        "processors": others | {processor(made["processor"]): of_own_seed(run)},
        "test_mae_months": {
            str(row.name): spread(row.mae_months, row.mae_sd_months, seeds)
            for row in study.itertuples(index=False)
        },
        "test_rmse_months": by_seed(tables, "test", lambda off: float((off**2).mean() ** 0.5)),
        "validation_mae_months": by_seed(tables, "validation", lambda off: float(off.abs().mean())),
    }
    FILE.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
