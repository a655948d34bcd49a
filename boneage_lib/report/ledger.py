"""Bring what a run measured before the paper's claims, and keep what they say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from boneage_lib.data import AgeNormalizer, load_histogram
from boneage_lib.data.resampling import AGE_BINS
from boneage_lib.evaluation import (
    age_weighted_mae,
    error_correlation,
    further_apart,
    paired_difference,
    resampled,
)
from boneage_lib.evaluation.few_values import welch_interval
from boneage_lib.evaluation.intervals import SMALLEST_STRATUM
from boneage_lib.inputs import scaled_patch
from boneage_lib.paper import ledger, measured_claims
from boneage_lib.paper.findings import over_seeds
from boneage_lib.paper.published import TABLE_4, number
from boneage_lib.paper.region_claims import REGIONS, in_region
from boneage_lib.report.collected import PAPER_MEMBERS
from boneage_lib.report.results import seed_history, seed_predictions
from boneage_lib.report.run import NOTEBOOK_OF, Run, project_root


def claim_inputs(run: Run) -> dict[str, Any]:
    """What `boneage_lib.paper.measured_claims` asks of a run; notebooks 03 to 08 make it.

    Studies that a run need not hold (patches at test time, the fair patch-size study, ablations)
    are left out where their files are missing.
    """
    measured = run.read_json("metrics.json", "08_ensemble_analysis")
    patches = run.read_table("results/patch_size_study.csv", "07_patch_size_study")
    data, normalizer = measured["data"], AgeNormalizer(**measured["normalizer"])
    tables, histories = {}, {}
    for name, notebook in NOTEBOOK_OF.items():
        table = run.read_table(f"predictions/{name}.csv", notebook)
        tables[name] = table[table["split"] == "test"].reset_index(drop=True)
        history = run.read_table(f"histories/{name}.csv", notebook)
        kept = [key for key in ("val_loss", "learning_rate") if key in history]
        histories[name] = {key: history[key].tolist() for key in kept}
        if of_seeds := _losses_of_seeds(run, name, measured["networks"][name]):
            histories[name]["val_loss_of_seeds"] = of_seeds
    return {
        "metrics": measured["networks"],
        "paired": measured["paired"],
        "regions": by_region(
            {name: tables[name] for name in PAPER_MEMBERS},
            normalizer,
            {name: _of_seeds(run, name, measured["networks"][name]) for name in PAPER_MEMBERS},
        ),
        "attention_apart": further_apart(tables, "xception_attention"),
        "error_correlation": _plain(error_correlation(tables).to_dict()),
        "age_weighted": {n: age_weighted_mae(t)["mae_months"] for n, t in tables.items()},
        "rulers": {name: rulers(table, normalizer) for name, table in tables.items()},
        "histories": histories,
        "frequent": {name: frequent_less_rare(table) for name, table in tables.items()},
        "settings": measured["settings"],
        "ensemble": measured["ensemble"],
        "ensemble_robustness": measured.get("ensemble_robustness") or [],
        "ensemble_over_seeds": measured.get("ensemble_over_seeds") or [],
        "patch_size_study": _records(patches),
        "patch_size_fair": _table(run, "patch_size_fair.csv"),
        "patches_at_test": _table(run, "patches_at_test.csv"),
        "ablations": read_ablations(run),
        "cohort_kind": data["cohort_kind"],
        "weights": data["weights"],
        "n_train": data["n_train"],
        "image_size": data["image_size"],
    }


def built_inputs(run: Run | None = None, sides: Mapping[str, int] | None = None) -> dict[str, Any]:
    """What `boneage_lib.paper.built_claims` asks: every network built, without weights.

    Args:
        run: whose networks' settings are held against the paper's, if any.
        sides: of what each network looks at, pixels; by default those of Table 4.
    """
    from boneage_lib.networks import describe  # Keras takes seconds to load.

    sides = {name: row.size for name, row in TABLE_4.items()} if sides is None else sides
    settings: dict[str, dict[str, Any]] = {}
    size = None
    if run is not None:
        measured = run.read_json("metrics.json", "08_ensemble_analysis")
        size = int(measured["data"]["image_size"])
        settings = {name: at_500(own, size) for name, own in measured["settings"].items()}
    return {
        "networks": {name: describe(name, side) for name, side in sides.items()},
        "speed": base_speeds(project_root() / "results" / "benchmarks" / "training.json"),
        "settings": settings,
        "image_size": size,
    }


def at_500(settings: Mapping[str, Any], image_size: int) -> dict[str, Any]:
    """Settings with the printed patch size where a patch keeps that share of the radiograph."""
    printed = int(number("patch_size"))
    same = settings["patch_size"] == scaled_patch(printed, image_size)
    return {**settings, "patch_size": printed if same else settings["patch_size"]}


def base_speeds(file: Path) -> dict[str, dict[str, float]]:
    """Images a second through each frozen base, by network and way of computing.

    Args:
        file: what ``benchmarks/training.py`` wrote; none gives an empty answer.
    """
    if not file.is_file():
        return {}
    networks = json.loads(file.read_text())["networks"]
    return {name: dict(found["summary"]["bare_images_per_s"]) for name, found in networks.items()}


def by_region(
    tables: Mapping[str, pd.DataFrame],
    normalizer: AgeNormalizer,
    seeds: Mapping[str, Mapping[int, pd.DataFrame]] | None = None,
) -> list[dict[str, Any]]:
    """`paired_difference` of every two networks at both edges and in the center of the age axis.

    Args:
        tables: predictions of the same test radiographs by network.
        normalizer: months to the z-scores of Figure 6's axis.
        seeds: the same by network and seed.

    Returns:
        Records with ``region``, ``a``, ``b``, what `paired_difference` gives, and ``over_seeds``
        (point, low and high, months; None below two seeds in common); none for a region of fewer
        than 10 radiographs, of which a bootstrap shows too little.
    """
    first = next(iter(tables.values()))
    age_z = normalizer.to_z(first["boneage_months"].to_numpy())
    records = []
    for region in REGIONS:
        ids = set(first["id"][in_region(age_z, region)])
        if len(ids) < SMALLEST_STRATUM:
            continue
        chosen = {name: table[table["id"].isin(ids)] for name, table in tables.items()}
        errors = {name: _errors(own, ids) for name, own in (seeds or {}).items()}
        records += [
            {
                "region": region,
                "a": a,
                "b": b,
                **paired_difference(chosen[a], chosen[b]),
                "over_seeds": over_seeds(errors.get(a), errors.get(b)),
            }
            for a, b in combinations(chosen, 2)
        ]
    return records


def _of_seeds(run: Run, network: str, found: Mapping[str, Any]) -> dict[int, pd.DataFrame]:
    """Test predictions of a network by seed; empty after one training."""
    numbers = (found.get("seeds") or {}).get("seed") or []
    if len(numbers) < 2:
        return {}
    return {
        number: run.read_table(seed_predictions(network, number), NOTEBOOK_OF[network]).query(
            "split == 'test'"
        )
        for number in numbers
    }


def _losses_of_seeds(run: Run, network: str, found: Mapping[str, Any]) -> list[list[float]]:
    """Validation losses (z²) of a network by seed; empty after one training or in older runs."""
    numbers = (found.get("seeds") or {}).get("seed") or []
    files = [run.folder / seed_history(network, number) for number in numbers]
    if len(files) < 2 or not all(file.is_file() for file in files):
        return []
    return [pd.read_csv(file)["val_loss"].tolist() for file in files]


def _errors(of_seeds: Mapping[int, pd.DataFrame], ids: set[Any]) -> dict[str, Any]:
    """``seed`` and ``mae_months`` of these radiographs, lists of the same length."""
    chosen = [table[table["id"].isin(ids)] for table in of_seeds.values()]
    errors = [(rows["predicted_months"] - rows["boneage_months"]).abs().mean() for rows in chosen]
    return {"seed": list(of_seeds), "mae_months": [float(error) for error in errors]}


def frequent_less_rare(test: pd.DataFrame) -> dict[str, Any] | None:
    """Error on radiographs of frequent ages less that on the others, months.

    A radiograph is frequent where its cell (10 age bins × sex) of RSNA's training set holds more
    radiographs than a cell does on average.

    Args:
        test: predictions with ``female``.

    Returns:
        ``n_frequent``, ``n_rare``, ``difference_months`` and Welch's 95 % interval
        ``difference_months_ci``; None without ``female`` or with fewer than 10 radiographs of
        either.
    """
    if "female" not in test:
        return None
    train = load_histogram().query("split == 'train'")
    edges = np.linspace(train["months"].min(), train["months"].max(), AGE_BINS + 1)[1:-1]

    def cells(table: pd.DataFrame, months: str) -> np.ndarray:
        numbers: np.ndarray = 2 * np.digitize(table[months], edges) + table["female"].to_numpy()
        return numbers

    held = np.bincount(cells(train, "months"), weights=train["count"], minlength=2 * AGE_BINS)
    frequent = held[cells(test, "boneage_months")] > held.mean()
    errors = (test["predicted_months"] - test["boneage_months"]).abs().to_numpy()
    of_frequent, of_rare = errors[frequent], errors[~frequent]
    if min(len(of_frequent), len(of_rare)) < SMALLEST_STRATUM:
        return None
    return {
        "n_frequent": len(of_frequent),
        "n_rare": len(of_rare),
        "difference_months": float(of_frequent.mean() - of_rare.mean()),
        "difference_months_ci": welch_interval(of_frequent, of_rare),
    }


def rulers(test: pd.DataFrame, normalizer: AgeNormalizer) -> dict[str, float]:
    """Error in z of the resampled test set by train's and by its own mean and standard deviation.

    Returns:
        ``rmse_z``, and ``rmse_z_own``: predictions in z-scores of train, labels in those of the
        test set.
    """
    drawn = resampled(test)
    answer = normalizer.to_z(drawn["predicted_months"].to_numpy())
    truth = drawn["boneage_months"].to_numpy()
    own = AgeNormalizer.fit(truth)
    return {
        key: float(np.sqrt(np.mean((answer - ruler.to_z(truth)) ** 2)))
        for key, ruler in (("rmse_z", normalizer), ("rmse_z_own", own))
    }


def keep_claims(
    run: Run,
    exact: pd.DataFrame,
    inputs: Mapping[str, Any],
    built: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Write ``results/claims.json``: rows of arithmetic, of built networks, of the run.

    Beside it, ``results/claim_inputs.json`` holds what decides the last, so that a kept study's
    verdicts are those of today's rules.

    Args:
        run: where they go.
        exact: rows that need no image.
        inputs: see `claim_inputs`.
        built: rows that need the networks.

    Returns:
        All rows with ``needs`` (arithmetic, networks or run), in that order.
    """
    parts = [exact.assign(needs="arithmetic")]
    if built is not None:
        parts.append(built.assign(needs="networks"))
    parts.append(ledger(measured_claims(inputs)).assign(needs="run"))
    rows = pd.concat(parts, ignore_index=True)
    run.write_json("claim_inputs.json", dict(inputs))
    run.write_json("claims.json", json.loads(rows.to_json(orient="records")))
    counts = rows["verdict"].value_counts().items()
    print(f"{len(rows)} claims: {', '.join(f'{count} {verdict}' for verdict, count in counts)}")
    return rows


def read_ablations(run: Run) -> dict[str, Any]:
    """All ablations of a run by name; empty where it made none."""
    files = sorted((run.results / "ablations").glob("*.json"))
    return {file.stem: json.loads(file.read_text()) for file in files}


def _table(run: Run, name: str) -> list[dict[str, Any]]:
    """A table of results as records, or none where the run has none."""
    path = run.results / name
    return _records(pd.read_csv(path)) if path.is_file() else []


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows with None for what is missing."""
    found: list[dict[str, Any]] = json.loads(table.to_json(orient="records", double_precision=10))
    return found


def _plain(nested: Mapping[Any, Mapping[Any, float]]) -> dict[str, dict[str, float | None]]:
    return {
        str(a): {str(b): None if np.isnan(value) else float(value) for b, value in row.items()}
        for a, row in nested.items()
    }
