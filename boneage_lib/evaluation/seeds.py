"""What chance does to a network and to an ensemble: the same trained again with other seeds.

"More robust predictions" (abstract) may mean that an answer depends less on how the training
happened to go. Seeds measure that: the spread of the error from training to training, and how far
the answers to one radiograph lie apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from boneage_lib.data import AgeNormalizer
from boneage_lib.errors import InputError
from boneage_lib.evaluation.ensemble import Weights, combine, ensembles_of, less_members
from boneage_lib.evaluation.few_values import spread_interval, student_interval
from boneage_lib.evaluation.intervals import bootstrap_interval
from boneage_lib.evaluation.predictions import align


def seed_study(
    tables: Mapping[str, Mapping[int, pd.DataFrame]],
    normalizer: AgeNormalizer,
    seed: int = 0,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """How much members and ensembles vary over seeds.

    The ensemble of a seed averages the members of that seed, so that it varies with all of them;
    fitted weights are fitted anew.

    Args:
        tables: by network and seed, predictions of the same radiographs with ``split``.
        normalizer: months to z-scores, as used in training.
        seed: seed of the bootstraps.
        confidence: coverage of the intervals.

    Returns:
        One row each, members first: ``name``, ``kind`` (member or ensemble) and ``seeds``; on test
        ``mae_months``, the mean over seeds, with Student's interval ``mae_months_ci``,
        ``mae_sd_months``, the standard deviation over seeds, with its interval
        ``mae_sd_months_ci``, and ``deviation_months``, how far a radiograph's answers lie from
        their mean over seeds, on average, with a bootstrap interval over radiographs
        ``deviation_months_ci``. Where there are training and validation rows, ``gap_months``,
        validation less train, and its Student's interval ``gap_months_ci``. For ensembles
        ``steadiest_member``, the member with the least deviation, and
        ``deviation_difference_months``, the ensemble's less that member's, with
        ``deviation_difference_months_ci``, over radiographs with these seeds as they are. And with
        Student's intervals over seeds, paired by seed, ``gap_less_members_months``, the gap less
        its members' mean by the ensemble's weights of that seed, and ``gap_less_smallest_months``,
        less that of ``smallest_gap_member``.

    Raises:
        InputError: fewer than two seeds that all networks have, or tables that do not match.
    """
    seeds = sorted(set.intersection(*(set(of_network) for of_network in tables.values())))
    if len(seeds) < 2:
        raise InputError(f"Found the seeds {seeds} in all networks; expected two or more.")
    answers: dict[str, list[pd.DataFrame]] = {}
    members: dict[str, list[Weights]] = {name: [] for name in tables}  # of each seed
    for number in seeds:
        own = align({name: of_network[number] for name, of_network in tables.items()})
        validation = {name: t[t["split"] == "validation"] for name, t in own.items()}
        fitted = validation if all(len(rows) for rows in validation.values()) else None
        for name, table in own.items():
            answers.setdefault(name, []).append(table)
        for name, _, weights in ensembles_of(list(own), fitted, normalizer):
            answers.setdefault(name, []).append(combine(own, weights, normalizer))
            members.setdefault(name, []).append(weights)
    records: list[dict[str, Any]] = []
    apart: dict[str, np.ndarray] = {}
    gaps: dict[str, np.ndarray] = {}  # months, by seed
    for name, of_seeds in answers.items():
        aligned = list(align({f"{name} {k}": t for k, t in enumerate(of_seeds)}).values())
        split = aligned[0]["split"].to_numpy()
        months = np.stack([table["predicted_months"].to_numpy() for table in aligned])
        errors = np.abs(months - aligned[0]["boneage_months"].to_numpy())  # (seeds, radiographs)
        test = months[:, split == "test"]
        apart[name] = np.abs(test - test.mean(axis=0)).mean(axis=0)
        maes = errors[:, split == "test"].mean(axis=1).tolist()
        record = {
            "name": name,
            "kind": "ensemble" if members[name] else "member",
            "seeds": len(seeds),
            "mae_months": float(np.mean(maes)),
            "mae_months_ci": student_interval(maes, confidence),
            "mae_sd_months": float(np.std(maes, ddof=1)),
            "mae_sd_months_ci": spread_interval(maes, confidence),
            **_mean("deviation_months", apart[name], seed, confidence),
        }
        if {"train", "validation"} <= set(split):
            train, held = (errors[:, split == s].mean(axis=1) for s in ("train", "validation"))
            gaps[name] = held - train
            record |= _over("gap_months", gaps[name], confidence)
        if members[name]:
            steadiest = min(members[name][0], key=lambda member: float(apart[member].mean()))
            less = apart[name] - apart[steadiest]
            record["steadiest_member"] = steadiest
            record |= _mean("deviation_difference_months", less, seed, confidence)
            if name in gaps:
                record |= _gap_less_members(name, gaps, members[name], confidence)
        records.append(record)
    return pd.DataFrame(records)


def _gap_less_members(
    name: str, gaps: Mapping[str, np.ndarray], weights: Sequence[Weights], confidence: float
) -> dict[str, Any]:
    """An ensemble's gap less its members', seed by seed."""
    by_seed = [
        less_members(gaps[name][k], {member: gaps[member][k] for member in own}, own)
        for k, own in enumerate(weights)
    ]
    smallest = min(weights[0], key=lambda member: float(gaps[member].mean()))
    return {
        "smallest_gap_member": smallest,
        **_over("gap_less_members_months", [float(found[""]) for found in by_seed], confidence),
        **_over(
            "gap_less_smallest_months", [float(found[smallest]) for found in by_seed], confidence
        ),
    }


def _over(key: str, values: Iterable[float], confidence: float) -> dict[str, Any]:
    found = [float(value) for value in values]
    return {key: float(np.mean(found)), f"{key}_ci": student_interval(found, confidence)}


def _mean(key: str, values: np.ndarray, seed: int, confidence: float) -> dict[str, Any]:
    interval = bootstrap_interval(values, seed=seed, confidence=confidence)
    return {key: float(values.mean()), f"{key}_ci": None if interval is None else list(interval)}
