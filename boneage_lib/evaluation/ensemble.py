"""Weighted averages over networks (section VI-C), under every reading of the printed weights.

The paper gives the networks weights of 0.5, 0.1 and 0.1, which sum to 0.7. Taken at their word
they apply to the normalized ages the networks put out, and pull every answer three tenths of the
way to the mean age. Divided by their sum they are an average. Both are here, beside equal weights
and weights fitted on the validation split.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import nnls

from boneage_lib.data.resampling import AgeNormalizer
from boneage_lib.errors import InputError
from boneage_lib.evaluation.comparison import paired_difference
from boneage_lib.evaluation.metrics import evaluate
from boneage_lib.evaluation.predictions import align, validate_predictions
from boneage_lib.evaluation.printed import AS_PRINTED

ATTENTION = "xception_attention"
WEIGHTINGS = ("as_printed", "normalized", "equal", "fitted")

Weights = dict[str, float]


def weights_for(
    weighting: str,
    members: Sequence[str],
    validation_tables: Mapping[str, pd.DataFrame] | None = None,
    normalizer: AgeNormalizer | None = None,
) -> Weights:
    """Weights of one of `WEIGHTINGS` for some members.

    Args:
        weighting: ``as_printed`` (0.5, 0.1, 0.1; sum 0.7), ``normalized`` (those divided by 0.7),
            ``equal`` or ``fitted``.
        members: networks; exactly the three with a printed weight for the first two weightings.
        validation_tables: for ``fitted``: predictions of the validation split.
        normalizer: for ``fitted``.

    Raises:
        InputError: an unknown weighting, or one that these members or arguments do not allow.
    """
    if weighting not in WEIGHTINGS:
        raise InputError(f"Found weighting={weighting!r}; expected one of {', '.join(WEIGHTINGS)}.")
    if not members:
        raise InputError("Found no members; expected at least one network.")
    if weighting == "equal":
        return {name: 1 / len(members) for name in members}
    if weighting == "fitted":
        if validation_tables is None or normalizer is None:
            raise InputError("Fitted weights need validation_tables and a normalizer.")
        return fit_weights({name: validation_tables[name] for name in members}, normalizer)
    if set(members) != set(AS_PRINTED):
        raise InputError(
            f"Found members {sorted(members)}; the paper prints weights for {sorted(AS_PRINTED)}."
        )
    total = 1.0 if weighting == "as_printed" else sum(AS_PRINTED.values())
    return {name: weight / total for name, weight in AS_PRINTED.items()}


def combine(
    tables: Mapping[str, pd.DataFrame], weights: Mapping[str, float], normalizer: AgeNormalizer
) -> pd.DataFrame:
    """Predictions of an ensemble: Σ weight × z over its members, then back to months.

    The sum is taken over z-scores, as the networks put them out. Weights that sum to one give the
    same in months; others do not, and 0.7 leaves a perfect set of members with 0.09 of the
    variance of age as its mean squared error.

    Args:
        tables: prediction tables by network, matched on ``id``; those without a weight are unused.
        weights: a finite number for each member.
        normalizer: months to z-scores, as used in training.

    Returns:
        A prediction table with the rows, and the other columns, of the first member's.

    Raises:
        InputError: no weights, a member without a table, or tables that do not match.
    """
    if absent := [name for name in weights if name not in tables]:
        raise InputError(f"Found no predictions of {', '.join(absent)}; found {list(tables)}.")
    if not all(np.isfinite(weight) for weight in weights.values()):
        raise InputError(f"Found weights {dict(weights)}; expected finite numbers.")
    members = align({name: tables[name] for name in weights})
    z = sum(
        weight * normalizer.to_z(members[name]["predicted_months"].to_numpy())
        for name, weight in weights.items()
    )
    first = next(iter(members.values()))
    return first.assign(predicted_months=normalizer.to_months(np.asarray(z)))


def fit_weights(
    validation_tables: Mapping[str, pd.DataFrame], normalizer: AgeNormalizer
) -> Weights:
    """Non-negative least-squares weights in z-space, on the validation split only.

    Neither is their sum held to one nor is there an intercept, so that the printed weights are
    among those it could find.

    Args:
        validation_tables: predictions of the validation split by member, with the column ``split``.
        normalizer: months to z-scores, as used in training.

    Raises:
        InputError: tables that do not match, lack ``split``, or hold rows of another split: weights
            fitted on the test set would flatter the ensemble they are tested in.
    """
    members = align(validation_tables)
    for name, table in members.items():
        splits = sorted(set(table["split"])) if "split" in table else []
        if splits != ["validation"]:
            raise InputError(
                f"Found splits {splits} in the predictions of {name}; weights are fitted on "
                "validation rows only."
            )
    first = next(iter(members.values()))
    z = [normalizer.to_z(table["predicted_months"].to_numpy()) for table in members.values()]
    found, _ = nnls(np.stack(z, axis=1), normalizer.to_z(first["boneage_months"].to_numpy()))
    return {name: float(weight) for name, weight in zip(members, found, strict=True)}


def ensemble_study(
    tables: Mapping[str, pd.DataFrame],
    normalizer: AgeNormalizer,
    seed: int = 0,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Members and ensembles side by side on the test split.

    Every weighting is tried on the networks of the paper's ensemble, and ``equal`` and ``fitted``
    once more with the attention network, for which no weight is printed. The printed weights need
    all three of their networks; ``fitted`` needs validation rows.

    Args:
        tables: predictions by network, with ``split`` and the same radiographs in all.
        normalizer: months to z-scores, as used in training.
        seed: seed of the bootstraps.
        confidence: coverage of the intervals.

    Returns:
        One row each: ``name``, ``kind`` (member or ensemble), ``weighting``, ``members``,
        ``weights`` (a dict), ``weight_sum``, the numbers of `evaluate` on test that have a place in
        a table, ``mae_train_months`` and ``mae_validation_months`` where those splits are there,
        and for ensembles ``best_member`` with ``difference_months`` (ensemble minus best member),
        its interval and ``wilcoxon_p``. The best member is the one with the least error on the test
        split itself, a choice in the member's favor: an ensemble that beats it has not been helped.
        Missing cells are null in ``study.to_json(orient="records")``.

    Raises:
        InputError: a table without ``split`` or without test rows, or tables that do not match.
    """
    aligned = align(tables)
    by_split = {name: _by_split(name, table) for name, table in aligned.items()}
    validation = (
        {name: parts["validation"] for name, parts in by_split.items()}
        if all("validation" in parts for parts in by_split.values())
        else None
    )
    records = [
        _scores(name, "member", "", {name: 1.0}, aligned[name], normalizer, seed, confidence)
        for name in aligned
    ]
    best = min(records, key=lambda record: float(record["mae_months"]))["name"]
    for name, weighting, weights in _plans(list(aligned), validation, normalizer):
        combined = combine(aligned, weights, normalizer)
        record = _scores(
            name, "ensemble", weighting, weights, combined, normalizer, seed, confidence
        )
        against = paired_difference(
            _by_split(name, combined)["test"], by_split[best]["test"], seed, confidence
        )
        kept = ("difference_months", "difference_months_ci", "wilcoxon_p")
        records.append(record | {"best_member": best} | {key: against[key] for key in kept})
    return pd.DataFrame(records)


def _by_split(name: str, table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    if "split" not in table or not (table["split"] == "test").any():
        raise InputError(f"The predictions of {name} hold no rows of the test split.")
    return {str(split): rows for split, rows in table.groupby("split", sort=False)}


def _plans(
    names: list[str],
    validation: Mapping[str, pd.DataFrame] | None,
    normalizer: AgeNormalizer,
) -> list[tuple[str, str, Weights]]:
    """Name, weighting and weights of every ensemble that these networks allow."""
    plain = [name for name in names if name != ATTENTION]
    plans = []
    for members, weightings in ((plain, WEIGHTINGS), (names, ("equal", "fitted"))):
        if len(members) < 2 or (members is names and ATTENTION not in names):
            continue
        for weighting in weightings:
            if weighting == "fitted" and validation is None:
                continue
            if weighting in ("as_printed", "normalized") and set(members) != set(AS_PRINTED):
                continue
            suffix = " with attention" if members is names else ""
            weights = weights_for(weighting, members, validation, normalizer)
            plans.append((f"{weighting}{suffix}", weighting, weights))
    return plans


def _scores(
    name: str,
    kind: str,
    weighting: str,
    weights: Weights,
    table: pd.DataFrame,
    normalizer: AgeNormalizer,
    seed: int,
    confidence: float,
) -> dict[str, Any]:
    """One row of the study: who averages, and how it does on each split."""
    parts = _by_split(name, table)
    scores = evaluate(parts["test"], normalizer, seed, confidence)
    kept = ("n", "mae_months", "mae_months_ci", "rmse_months", "rmse_months_ci", "bias_months")
    record = {
        "name": name,
        "kind": kind,
        "weighting": weighting,
        "members": " + ".join(weights),
        "weights": weights,
        "weight_sum": sum(weights.values()),
        **{key: scores[key] for key in (*kept, "mse_z", "rmse_z", "pearson_r")},
    }
    for split in ("train", "validation"):
        if split in parts:
            rows = validate_predictions(parts[split])
            error = (rows["predicted_months"] - rows["boneage_months"]).abs()
            record[f"mae_{split}_months"] = float(error.mean())
    return record
