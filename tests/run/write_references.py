"""Measure what the demo's errors are on this machine, and how far chance moves them.

    .venv/bin/python tests/run/write_references.py [--seeds 10]

Trains every network of runs/demo, which must be finished, with more seeds on the banks that are
there, and writes `references.json`: the mean error over seeds of networks and ensembles on test,
months, its standard deviation, and the tolerance that follows from both. Another machine's rounding
ends, at worst, in what another seed would have given; so its error lies in the seeds' prediction
interval with the probability that `CONFIDENCE` says. Beside it stands what each type of processor
that was tried gave for the demo's own seed; those of other machines are kept. On these, the errors
must be the same to `AGREE_WITHIN`, the last digit that the book prints.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from scipy import stats

from boneage_lib.data import AgeNormalizer
from boneage_lib.evaluation.seeds import seed_study
from boneage_lib.report.plan import NETWORK_OF, plan_of
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    seeds = parser.parse_args().seeds
    run = Run("runs/demo")
    settings = yaml.safe_load(run.parameters_file.read_text())
    metrics = run.read_json("metrics.json", "08_ensemble_analysis")
    normalizer = AgeNormalizer(**metrics["normalizer"])
    study = seed_study(predictions(run, settings, seeds), normalizer)
    before = json.loads(FILE.read_text()) if FILE.is_file() else {"processors": {}}
    made = environment()
    own = {row["name"]: round(row["mae_months"], 2) for row in metrics["ensemble"]}
    record = {
        "seeds": seeds,
        "confidence": CONFIDENCE,
        "made_by": made,
        "processors_agree_within_months": AGREE_WITHIN,
        "processors": before["processors"] | {made["processor"]: own},
        "test_mae_months": {
            str(row.name): {
                "mean": round(row.mae_months, 3),
                "sd": round(row.mae_sd_months, 3),
                "tolerance": round(tolerance(row.mae_sd_months, seeds), 3),
            }
            for row in study.itertuples(index=False)
        },
    }
    FILE.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
