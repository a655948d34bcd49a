"""Studies of real radiographs, kept under ``results/`` and read from there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from boneage_lib.errors import InputError
from boneage_lib.paper.published import TITLES
from boneage_lib.report.collect import Comparison
from boneage_lib.report.provenance import write_provenance
from boneage_lib.report.run import Run, project_root

#: What is kept of a study's results beside histories and predictions; some only where it was made.
KEPT_WHERE_MADE = (
    "patch_size_fair.csv",
    "patches_at_test.csv",
    "ensemble_over_seeds.csv",
    "ensemble_robustness.csv",
)
KEPT = (
    "metrics.json",
    "claims.json",
    "patch_size_study.csv",
    "patch_losses.csv",
    *KEPT_WHERE_MADE,
)


@dataclass(frozen=True)
class Study(Comparison):
    """A study kept under ``results/``.

    Attributes:
        name: its folder.
        patch_size_study: see `boneage_lib.training.patch_study`.
        patch_size_fair: see `boneage_lib.training.fair_patch_study`; empty in older studies.
        claims: the measured rows of its ledger.
        provenance: versions, commit, processor, seconds.
    """

    name: str
    patch_size_study: pd.DataFrame
    patch_size_fair: pd.DataFrame
    claims: pd.DataFrame
    provenance: dict[str, Any]


def published_study(name: str) -> Study:
    """Read a study kept under ``results/``; raises InputError when there is none of that name."""
    folder = project_root() / "results" / name
    if not (folder / "metrics.json").is_file():
        raise InputError(f"Found no study {name!r} under results/ (no metrics.json).")
    measured = json.loads((folder / "metrics.json").read_text())
    claims = pd.DataFrame(json.loads((folder / "claims.json").read_text()))
    fair = folder / "patch_size_fair.csv"
    return Study(
        metrics=measured,
        histories={n: pd.read_csv(folder / "histories" / f"{n}.csv") for n in TITLES},
        name=name,
        patch_size_study=pd.read_csv(folder / "patch_size_study.csv"),
        patch_size_fair=pd.read_csv(fair) if fair.is_file() else pd.DataFrame(),
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
    for name in KEPT:
        if name in KEPT_WHERE_MADE and not (run.results / name).is_file():
            (folder / name).unlink(missing_ok=True)
        else:
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
