"""Studies of real radiographs, kept under ``results/`` and read from there."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from boneage_lib.errors import InputError
from boneage_lib.paper import ledger, measured_claims
from boneage_lib.paper.published import TITLES
from boneage_lib.paper.statements import statements
from boneage_lib.report.collected import Comparison
from boneage_lib.report.ladder.files import FOLDER
from boneage_lib.report.provenance import write_provenance
from boneage_lib.report.run import Run, project_root
from boneage_lib.report.wording import REDUCED_STUDY

#: The notebook that shows kept studies.
SHOWN_IN = "10_real_radiographs"
#: Its part of all training radiographs, reduced.
SHOWN_REDUCED = "all-training-radiographs-reduced"
#: What is kept of a study's results beside histories and predictions; some only where it was made.
KEPT_WHERE_MADE = (
    "patch_size_fair.csv",
    "patches_at_test.csv",
    "ensemble_over_seeds.csv",
    "ensemble_robustness.csv",
    "patch_sizes.json",
    *(f"saliency/{network}.json" for network in TITLES),
    "ablations/schedules.json",
    "ablations/resampling.json",
    "ablations/input_form.json",
    "beyond.json",
    "timing/beyond.json",
    "data_size.json",
)
KEPT = (
    "metrics.json",
    "claim_inputs.json",
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
        patch_sizes: see `boneage_lib.evaluation.patch_sizes`; empty where it was not made.
        patches_at_test: see `boneage_lib.evaluation.patch_averages`; empty where it was not made.
        ablations: see `boneage_lib.report.ablation.keep_ablation`, by name.
        saliency: see `boneage_lib.evaluation.saliency_summary.saliency_numbers`, by network.
        claims: the measured rows of its ledger, by today's rules.
        provenance: versions, commit, processor, seconds.
    """

    name: str
    patch_size_study: pd.DataFrame
    patch_size_fair: pd.DataFrame
    patch_sizes: pd.DataFrame
    patches_at_test: pd.DataFrame
    ablations: dict[str, dict[str, Any]]
    saliency: dict[str, dict[str, Any]]
    claims: pd.DataFrame
    provenance: dict[str, Any]


def published_study(name: str) -> Study:
    """Read a study kept under ``results/``; raises InputError when there is none of that name."""
    folder = project_root() / "results" / name
    if not (folder / "metrics.json").is_file():
        raise InputError(f"Found no study {name!r} under results/ (no metrics.json).")
    measured = json.loads((folder / "metrics.json").read_text())
    return Study(
        metrics=measured,
        histories={n: pd.read_csv(folder / "histories" / f"{n}.csv") for n in TITLES},
        name=name,
        patch_size_study=pd.read_csv(folder / "patch_size_study.csv"),
        patch_size_fair=_table(folder / "patch_size_fair.csv"),
        patch_sizes=pd.DataFrame(_records(folder / "patch_sizes.json")),
        patches_at_test=_table(folder / "patches_at_test.csv"),
        ablations=_by_name(folder / "ablations"),
        saliency=_by_name(folder / "saliency"),
        claims=study_claims(name),
        provenance=json.loads((folder / "provenance.json").read_text()),
    )


def study_claims(name: str) -> pd.DataFrame:
    """The rows of the ledger that a kept study decides, with ``needs``, by today's rules.

    ``measured_in`` leads to where the study's numbers are shown; empty where its row alone does.
    Those of the reduced study stand together in a part of their own.
    """
    file = project_root() / "results" / name / "claim_inputs.json"
    rows = ledger(measured_claims(json.loads(file.read_text()))).assign(needs="run")
    shown = [statements()[key].in_study for key in rows["id"]]
    if name == REDUCED_STUDY:
        shown = [SHOWN_REDUCED if part else "" for part in shown]
    return rows.assign(measured_in=[f"{SHOWN_IN}#{part}" if part else "" for part in shown])


def keep_study(run: Run, study: str) -> Path:
    """Keep a run's numbers under ``results/<study>``: no picture, no label of a patient.

    Predictions are kept by id without the labels; whoever has RSNA's files joins them. What was
    kept before stays until all of the new is there.

    Raises:
        InputError: the run has compared no networks and judged no ladder.
    """
    compared = (run.results / "metrics.json").is_file()
    if not compared and not (run.results / "beyond.json").is_file():
        raise InputError(
            f"Found neither metrics.json nor beyond.json in {run.results}; expected those of a "
            "finished run, or of one of 11_beyond alone."
        )
    kept = project_root() / "results" / study
    folder, old = (kept.with_name(f".{study}.{what}") for what in ("partial", "old"))
    for left in (folder, old):
        shutil.rmtree(left, ignore_errors=True)
    # A run of one notebook makes no book, and what stands there is of an earlier one.
    if not compared or not run.provenance_file.is_file():
        write_provenance(run, yaml.safe_load(run.parameters_file.read_text()))
    for part in ("histories", "predictions"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for name in KEPT:
        if (compared and name not in KEPT_WHERE_MADE) or (run.results / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text((run.results / name).read_text())
    for network in TITLES if compared else ():
        history = (run.histories / f"{network}.csv").read_text()
        (folder / "histories" / f"{network}.csv").write_text(history)
    for file in [*run.predictions.glob("*.csv"), *run.predictions.glob(f"{FOLDER}/*.csv")]:
        without_labels = folder / "predictions" / file.relative_to(run.predictions)
        without_labels.parent.mkdir(exist_ok=True)
        table = pd.read_csv(file)[["id", "split", "predicted_months"]]
        table.to_csv(without_labels, index=False)
    for file in run.histories.glob(f"{FOLDER}/*.csv"):
        kept_history = folder / "histories" / file.relative_to(run.histories)
        kept_history.parent.mkdir(exist_ok=True)
        kept_history.write_text(file.read_text())
    record = json.loads(run.provenance_file.read_text())
    record["profile"] = {
        key: value for key, value in record["profile"].items() if key not in ("weights",)
    }
    record["profile"]["cohort"].pop("folder", None)
    # A resumed run finds features in its bank; its seconds would say nothing of what they cost.
    record.pop("timing", None)
    (folder / "provenance.json").write_text(json.dumps(record, indent=1) + "\n")
    if kept.exists():
        kept.rename(old)
    folder.rename(kept)
    shutil.rmtree(old, ignore_errors=True)
    return kept


def _table(file: Path) -> pd.DataFrame:
    return pd.read_csv(file) if file.is_file() else pd.DataFrame()


def _records(file: Path) -> list[dict[str, Any]]:
    return json.loads(file.read_text()) if file.is_file() else []


def _by_name(folder: Path) -> dict[str, dict[str, Any]]:
    """JSON files of a folder by name; those of networks in the paper's order, then the others."""
    found = {file.stem: json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))}
    return {name: found[name] for name in (*TITLES, *found) if name in found}
