"""A made-up project and the results of four made-up networks, for tests of what reads results."""

from __future__ import annotations

import json
from copy import deepcopy
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from boneage_lib.data import AgeNormalizer
from boneage_lib.evaluation import constant_guess, evaluate, paired_difference
from boneage_lib.paper.published import TITLES
from boneage_lib.report.results import metrics, over_seeds, seed_predictions
from boneage_lib.report.run import Run

ROOT = Path(__file__).resolve().parents[1]
NORMALIZER = AgeNormalizer(mean_months=120.0, std_months=60.0)
#: Standard deviation of each network's errors, months.
NOISE = {"inception_v3": 22, "xception": 18, "xception_attention": 40, "resnet50_patches": 10}
SPLITS = {"train": 90, "validation": 30, "test": 40}


def project(folder: Path) -> Path:
    """Make a folder look like the project's root, to be worked in with ``monkeypatch.chdir``."""
    (folder / "boneage_lib").mkdir(parents=True)
    (folder / "_toc.yml").write_text("format: jb-book\n")
    return folder


def labels() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    n = sum(SPLITS.values())
    return pd.DataFrame(
        {
            "id": np.arange(1, n + 1),
            "split": np.repeat(list(SPLITS), list(SPLITS.values())),
            "female": np.arange(n) % 2,
            "boneage_months": rng.integers(10, 220, n).astype(float),
        }
    )


def predictions(name: str, seed: int = 0) -> pd.DataFrame:
    """Of the validation and test radiographs."""
    table = labels().query("split != 'train'").reset_index(drop=True)
    rng = np.random.default_rng([list(TITLES).index(name)] + [seed] * (seed > 0))
    return table.assign(
        predicted_months=table["boneage_months"] + rng.normal(0, NOISE[name], len(table))
    )


def all_predictions(name: str, seed: int = 0) -> pd.DataFrame:
    """Those, after some training radiographs that the network errs on half as far."""
    table = labels().query("split == 'train'").tail(60)
    noise = np.random.default_rng([list(TITLES).index(name), seed, 1]).normal(
        0, NOISE[name] / 2, 60
    )
    table = table.assign(predicted_months=table["boneage_months"] + noise)
    return pd.concat([table, predictions(name, seed)], ignore_index=True)


def result(name: str, kind: str = "synthetic", weights: str = "random") -> dict[str, Any]:
    """What ``results/<name>.json`` holds, see `boneage_lib.report.results.keep`."""
    return deepcopy(_result(name, kind, weights))


@cache
def _result(name: str, kind: str, weights: str) -> dict[str, Any]:
    splits = {str(s): rows.reset_index(drop=True) for s, rows in predictions(name).groupby("split")}
    train = labels().query("split == 'train'")["boneage_months"].to_numpy()
    guess = constant_guess(train, splits["test"])
    return {
        "network": name,
        "data": {
            "cohort_kind": kind,
            "split_origin": "stratified",
            "image_size": 256,
            **{f"n_{split}": n for split, n in SPLITS.items()},
            "cohort": "0" * 64,
            "weights": weights,
        },
        "settings": {
            "epochs": 7,
            "patch_count": 3,
            "patch_size": 115,
            "draws_per_cell": 100,
            "views": 2,
            "seed": 0,
        },
        "normalizer": NORMALIZER.as_dict(),
        "base": {"weights": {"kind": weights, "checkpoint": f"{weights} weights", "sha256": ""}},
        "epochs": 7,
        "kept_epoch": 4,
        "metrics": metrics(splits, NORMALIZER),
        "constant": evaluate(guess, NORMALIZER),
        "against_constant": paired_difference(splits["test"], guess),
        "seeds": over_seeds([training(name, 0)]),  # type: ignore[list-item]
    }


def training(name: str, seed: int, worse_by_months: float = 0.0) -> SimpleNamespace:
    """What `over_seeds` asks of a training."""
    table = predictions(name)
    past = np.sign(table["predicted_months"] - table["boneage_months"])
    table["predicted_months"] += worse_by_months * past
    return SimpleNamespace(settings=SimpleNamespace(seed=seed), predictions=table)


def changed(name: str, costs_months: float = 5.0) -> pd.DataFrame:
    """What ``results/robustness/<name>.csv`` holds: every change moves answers further off.

    By ``costs_months`` for every ten of its strength on average, some radiographs more than others.
    """
    plain = predictions(name).query("split == 'test'").drop(columns="split").head(20)
    past = np.sign(plain["predicted_months"] - plain["boneage_months"])
    past *= np.linspace(0.5, 1.5, len(plain))
    tables = []
    for condition, strength in (("none", 0.0), ("rotation", 10.0), ("rotation", 20.0), ("flip", 1)):
        moved = plain["predicted_months"] + costs_months * strength / 10 * past
        tables.append(
            plain.assign(condition=condition, strength=float(strength), predicted_months=moved)
        )
    return pd.concat(tables, ignore_index=True)


def write_networks(
    run: Run, kind: str = "synthetic", weights: str = "random", seeds: int = 1
) -> None:
    """Write what notebooks 03 to 06 write."""
    history = pd.DataFrame({"epoch": [1, 2], "loss": [1.0, 0.5], "val_loss": [1.1, 0.6]})
    for name in TITLES:
        found = result(name, kind, weights)
        if seeds > 1:
            trainings = [
                SimpleNamespace(
                    settings=SimpleNamespace(seed=k), predictions=all_predictions(name, k)
                )
                for k in range(seeds)
            ]
            found["seeds"] = over_seeds(trainings)  # type: ignore[arg-type]
            for one in trainings:
                run.write_table(seed_predictions(name, one.settings.seed), one.predictions)
        run.write_json(f"{name}.json", found)
        run.write_table(f"predictions/{name}.csv", all_predictions(name))
        run.write_table(f"histories/{name}.csv", history)


def strict_json(path: Path) -> Any:
    """Read JSON as other readers do: NaN and Infinity are errors."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{path.name} holds {constant}, which is not JSON.")

    return json.loads(path.read_text(), parse_constant=refuse)
