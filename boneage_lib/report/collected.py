"""Bring a run's networks together: scores, comparisons and ensembles."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pandas as pd

from boneage_lib.data import AgeNormalizer
from boneage_lib.errors import InputError
from boneage_lib.evaluation import (
    combine,
    compare_all,
    ensemble_robustness,
    ensemble_study,
    error_correlation,
    seed_study,
    weights_for,
)
from boneage_lib.paper.published import TITLES
from boneage_lib.report.results import metrics, seed_predictions
from boneage_lib.report.run import NOTEBOOK_OF, Run

ENSEMBLE = "ensemble"
#: The members of the paper's ensemble, and of its Figure 6 and Table 6.
PAPER_MEMBERS = ("inception_v3", "xception", "resnet50_patches")


@dataclass(frozen=True)
class Comparison:
    """All networks of a run, or of a kept study.

    Attributes:
        metrics: what ``results/metrics.json`` holds: ``data``, ``networks`` (each with
            ``validation``, ``test``, ``test_resampled``, ``constant``, ``against_constant``;
            ``ensemble`` among them), ``normalizer``, ``settings``, ``paired``, ``ensemble``,
            ``bases`` and, empty where a run cannot tell, ``ensemble_over_seeds`` and
            ``ensemble_robustness``.
        histories: by network, see `boneage_lib.training`.
    """

    metrics: dict[str, Any]
    histories: dict[str, pd.DataFrame]

    @property
    def scores(self) -> dict[str, dict[str, Any]]:
        """Scores on the test set as it is, by network."""
        return {name: found["test"] for name, found in self.metrics["networks"].items()}

    @property
    def ensemble(self) -> pd.DataFrame:
        """Members and ensembles side by side, see `boneage_lib.evaluation.ensemble_study`."""
        return pd.DataFrame(self.metrics["ensemble"])

    @property
    def over_seeds(self) -> pd.DataFrame:
        """What seeds change, see `boneage_lib.evaluation.seed_study`; empty after one seed."""
        return pd.DataFrame(self.metrics.get("ensemble_over_seeds", []))

    @property
    def robustness(self) -> pd.DataFrame:
        """On changed radiographs, see `boneage_lib.evaluation.ensemble_robustness`, or empty."""
        return pd.DataFrame(self.metrics.get("ensemble_robustness", []))

    @property
    def constant_mae_months(self) -> float:
        """Error on test of the median training age for everyone, months."""
        first = next(iter(self.metrics["networks"].values()))
        return float(first["constant"]["mae_months"])


@dataclass(frozen=True)
class RunComparison(Comparison):
    """A run's networks, with the predictions behind the scores.

    Attributes:
        test: predictions of the test radiographs by network, the ensemble last.
        normalizer: between months and z-scores.
        error_correlation: between networks, on test.
        changed: errors of members and ensembles by condition and strength, see
            `boneage_lib.evaluation.ensemble_robustness`; empty where no network was asked.
    """

    test: dict[str, pd.DataFrame]
    normalizer: AgeNormalizer
    error_correlation: pd.DataFrame
    changed: pd.DataFrame


def collect(run: Run, seed: int = 0) -> RunComparison:
    """Compare and average a run's networks.

    Writes ``metrics.json``, the ensemble's predictions, and as tables ``results/ensemble.csv``,
    ``results/ensemble_over_seeds.csv`` where there are several seeds, and
    ``results/ensemble_robustness.csv`` where networks were asked about changed radiographs.

    Args:
        run: where notebooks 03 to 06 have run.
        seed: seed of the bootstraps and of the resampled test set.

    Raises:
        InputError: a network is missing, naming its notebook, or networks were trained on different
            cohorts or draws.
    """
    results = {name: run.read_json(f"{name}.json", NOTEBOOK_OF[name]) for name in TITLES}
    tables = {name: run.read_table(f"predictions/{name}.csv", NOTEBOOK_OF[name]) for name in TITLES}
    histories = {
        name: run.read_table(f"histories/{name}.csv", NOTEBOOK_OF[name]) for name in TITLES
    }
    first = next(iter(results.values()))
    for key in ("data", "normalizer"):
        for name, result in results.items():
            if result[key] != first[key]:
                raise InputError(
                    f"{TITLES[name]} was trained on other data or draws than "
                    f"{TITLES[first['network']]} ({key} differs). Run {NOTEBOOK_OF[name]} again."
                )
    normalizer = AgeNormalizer(**first["normalizer"])
    averaged = combine(
        tables, weights_for("normalized", list(PAPER_MEMBERS), None, normalizer), normalizer
    )
    run.write_table(f"predictions/{ENSEMBLE}.csv", averaged)
    everyone = {**tables, ENSEMBLE: averaged}
    test = {
        name: table.query("split == 'test'").reset_index(drop=True)
        for name, table in everyone.items()
    }
    kept = ("constant", "against_constant", "seeds")
    networks: dict[str, Any] = {
        name: result["metrics"] | {key: result[key] for key in kept}
        for name, result in results.items()
    }
    splits = {str(split): rows.reset_index(drop=True) for split, rows in averaged.groupby("split")}
    networks[ENSEMBLE] = metrics(splits, normalizer, seed) | {"constant": first["constant"]}
    study = ensemble_study(tables, normalizer, seed)
    of_seeds = _over_seeds(run, results, normalizer, seed)
    changed, robustness = _changed(run, study, normalizer, seed)
    measured = {
        "data": first["data"],
        "normalizer": first["normalizer"],
        "bases": {name: result["base"]["weights"] for name, result in results.items()},
        "settings": {name: result["settings"] for name, result in results.items()},
        "networks": networks,
        "paired": compare_all(test, seed).to_dict("records"),
        "ensemble": _records(study),
        "ensemble_over_seeds": _records(of_seeds),
        "ensemble_robustness": _records(robustness),
    }
    run.write_json("metrics.json", measured)
    run.write_table("results/ensemble.csv", study)
    for name, table in (("ensemble_over_seeds", of_seeds), ("ensemble_robustness", changed)):
        (run.results / f"{name}.csv").unlink(missing_ok=True)  # of an earlier run
        if len(table):
            run.write_table(f"results/{name}.csv", table)
    return RunComparison(
        measured,
        histories,
        test,
        normalizer,
        error_correlation({name: test[name] for name in TITLES}),
        changed,
    )


def _over_seeds(
    run: Run, results: dict[str, Any], normalizer: AgeNormalizer, seed: int
) -> pd.DataFrame:
    """`seed_study` of the seeds that all networks were trained with; empty for fewer than two."""
    common = set.intersection(*(set(result["seeds"]["seed"]) for result in results.values()))
    if len(common) < 2:
        return pd.DataFrame()
    tables = {
        name: {
            number: run.read_table(seed_predictions(name, number), NOTEBOOK_OF[name])
            for number in sorted(common)
        }
        for name in results
    }
    return seed_study(tables, normalizer, seed)


def _changed(
    run: Run, study: pd.DataFrame, normalizer: AgeNormalizer, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`ensemble_robustness` of the networks that were asked about changed radiographs."""
    files = {name: run.results / "robustness" / f"{name}.csv" for name in TITLES}
    tables = {name: pd.read_csv(file) for name, file in files.items() if file.is_file()}
    if len(tables) < 2:
        return pd.DataFrame(), pd.DataFrame()
    return ensemble_robustness(tables, study, normalizer, seed)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows for JSON, through pandas' own, which writes null where a member has no value."""
    found: list[dict[str, Any]] = json.loads(table.to_json(orient="records", double_precision=10))
    return found
