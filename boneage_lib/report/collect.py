"""Bring a run's networks together: scores, comparisons, ensembles, and what the claims ask for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from boneage_lib.data import AgeNormalizer
from boneage_lib.errors import InputError
from boneage_lib.evaluation import (
    combine,
    compare_all,
    ensemble_study,
    error_correlation,
    weights_for,
)
from boneage_lib.paper.published import TITLES
from boneage_lib.report.provenance import write_provenance
from boneage_lib.report.results import metrics
from boneage_lib.report.run import Run, project_root

#: Notebook that trains each network.
NOTEBOOK_OF = {
    "inception_v3": "03_inception_v3",
    "xception": "04_xception",
    "xception_attention": "05_xception_attention",
    "resnet50_patches": "06_resnet50_patches",
}
ENSEMBLE = "ensemble"
#: The members of the paper's ensemble, and of its Figure 6 and Table 6.
PAPER_MEMBERS = ("inception_v3", "xception", "resnet50_patches")


@dataclass(frozen=True)
class Comparison:
    """All networks of a run, or of a kept study.

    Attributes:
        metrics: what ``results/metrics.json`` holds: ``data``, ``networks`` (each with
            ``validation``, ``test``, ``test_resampled``, ``constant``, ``against_constant``;
            ``ensemble`` among them), ``paired``, ``ensemble`` and ``bases``.
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
    """

    test: dict[str, pd.DataFrame]
    normalizer: AgeNormalizer
    error_correlation: pd.DataFrame


def collect(run: Run, seed: int = 0) -> RunComparison:
    """Compare and average a run's networks; writes ``metrics.json`` and the ensemble's predictions.

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
    measured = {
        "data": first["data"],
        "normalizer": first["normalizer"],
        "bases": {name: result["base"]["weights"] for name, result in results.items()},
        "settings": {name: result["settings"] for name, result in results.items()},
        "networks": networks,
        "paired": compare_all(test, seed).to_dict("records"),
        # Through pandas' own JSON, which writes null where a member has no value.
        "ensemble": json.loads(study.to_json(orient="records", double_precision=10)),
    }
    run.write_json("metrics.json", measured)
    run.write_table("results/ensemble.csv", study)
    return RunComparison(
        measured,
        histories,
        test,
        normalizer,
        error_correlation({name: test[name] for name in TITLES}),
    )


@dataclass(frozen=True)
class Study(Comparison):
    """A study kept under ``results/``.

    Attributes:
        name: its folder.
        patch_size_study: see `boneage_lib.training.patch_study`.
        claims: the measured rows of its ledger.
        provenance: versions, commit, processor, seconds.
    """

    name: str
    patch_size_study: pd.DataFrame
    claims: pd.DataFrame
    provenance: dict[str, Any]


def published_study(name: str) -> Study:
    """Read a study kept under ``results/``; raises InputError when there is none of that name."""
    folder = project_root() / "results" / name
    if not (folder / "metrics.json").is_file():
        raise InputError(f"Found no study {name!r} under results/ (no metrics.json).")
    measured = json.loads((folder / "metrics.json").read_text())
    claims = pd.DataFrame(json.loads((folder / "claims.json").read_text()))
    return Study(
        metrics=measured,
        histories={n: pd.read_csv(folder / "histories" / f"{n}.csv") for n in TITLES},
        name=name,
        patch_size_study=pd.read_csv(folder / "patch_size_study.csv"),
        claims=claims[claims["needs"] == "run"],
        provenance=json.loads((folder / "provenance.json").read_text()),
    )


def keep_study(run: Run, study: str) -> Path:
    """Keep a run's numbers under ``results/<study>``: no picture, no label of a patient.

    Predictions are kept by id without the labels; whoever has RSNA's files joins them.
    """
    folder = project_root() / "results" / study
    if not run.provenance_file.is_file():
        write_provenance(run, yaml.safe_load(run.parameters_file.read_text()))
    for part in ("histories", "predictions"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for name in ("metrics.json", "claims.json", "patch_size_study.csv", "patch_losses.csv"):
        (folder / name).write_text((run.results / name).read_text())
    for network in TITLES:
        history = (run.histories / f"{network}.csv").read_text()
        (folder / "histories" / f"{network}.csv").write_text(history)
    for file in sorted(run.predictions.glob("*.csv")):
        table = pd.read_csv(file)[["id", "split", "predicted_months"]]
        table.to_csv(folder / "predictions" / file.name, index=False)
    record = json.loads(run.provenance_file.read_text())
    record["profile"] = {
        key: value for key, value in record["profile"].items() if key not in ("weights",)
    }
    record["profile"]["cohort"].pop("folder", None)
    # A resumed run finds features in its bank; its seconds would say nothing of what they cost.
    record.pop("timing", None)
    (folder / "provenance.json").write_text(json.dumps(record, indent=1) + "\n")
    return folder
