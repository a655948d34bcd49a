"""Weighted averages over networks (section VI-C), under every reading of the printed weights.

The paper gives the networks weights of 0.5, 0.1 and 0.1, which sum to 0.7. Taken at their word
they apply to the normalized ages the networks put out, and pull every answer three tenths of the
way to the mean age. Divided by their sum they are an average, and so they are with 0.8 in place of
0.5. All are here, beside equal weights and weights fitted on the validation split.
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
from boneage_lib.evaluation.few_values import welch_interval
from boneage_lib.evaluation.metrics import evaluate
from boneage_lib.evaluation.predictions import align
from boneage_lib.evaluation.printed import AS_PRINTED, COMPLETED

ATTENTION = "xception_attention"
WEIGHTINGS = ("as_printed", "normalized", "completed", "equal", "fitted")
#: Those that name the three networks of the paper.
_OF_THE_PAPER = ("as_printed", "normalized", "completed")

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
            ``completed`` (0.8, 0.1, 0.1), ``equal`` or ``fitted``.
        members: networks; exactly the three with a printed weight for the first three weightings.
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
    if weighting == "completed":
        return dict(COMPLETED)
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
        and ``gap_months``, the second less the first, with Welch's interval ``gap_months_ci``.

        For ensembles also ``best_member`` with ``difference_months`` (ensemble minus best member),
        its interval and ``wilcoxon_p``. The best member is the one among the networks averaged with
        the least error on the test split itself, a choice in the member's favor: an ensemble that
        beats it has not been helped. ``best_on_validation`` is the one that a user would have
        chosen, without a look at test, with ``validation_best_difference_months`` and its interval,
        on test again. And the gap less its members' (see `less_members`), each with its
        Welch interval: ``gap_less_members_months``, less their mean by the ensemble's own weights,
        and ``gap_less_smallest_months``, less that of ``smallest_gap_member``. Missing cells are
        null in ``study.to_json(orient="records")``.

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
        _scores(name, "member", "", {name: 1.0}, parts, normalizer, seed, confidence)
        for name, parts in by_split.items()
    ]
    scored = {record["name"]: record for record in records}
    for name, weighting, weights in ensembles_of(list(aligned), validation, normalizer):
        best, chosen = (
            min(weights, key=lambda member: float(scored[member].get(key, np.inf)))
            for key in ("mae_months", "mae_validation_months")
        )
        parts = _by_split(name, combine(aligned, weights, normalizer))
        record = _scores(name, "ensemble", weighting, weights, parts, normalizer, seed, confidence)
        against = paired_difference(parts["test"], by_split[best]["test"], seed, confidence)
        kept = ("difference_months", "difference_months_ci", "wilcoxon_p")
        record |= {"best_member": best} | {key: against[key] for key in kept}
        if validation is not None:
            against = paired_difference(parts["test"], by_split[chosen]["test"], seed, confidence)
            record |= {"best_on_validation": chosen} | {
                f"validation_best_{key}": against[key] for key in kept[:2]
            }
        members = {member: by_split[member] for member in weights}
        records.append(record | _gap_less_members(parts, members, weights, confidence))
    return pd.DataFrame(records)


def _by_split(name: str, table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    if "split" not in table or not (table["split"] == "test").any():
        raise InputError(f"The predictions of {name} hold no rows of the test split.")
    return {str(split): rows for split, rows in table.groupby("split", sort=False)}


def ensembles_of(
    names: list[str],
    validation: Mapping[str, pd.DataFrame] | None,
    normalizer: AgeNormalizer,
) -> list[tuple[str, str, Weights]]:
    """Name, weighting and weights of every ensemble that these networks allow.

    Args:
        names: networks.
        validation: predictions of the validation split by network; None: no weights are fitted.
        normalizer: months to z-scores, as used in training.
    """
    plain = [name for name in names if name != ATTENTION]
    plans = []
    for members, weightings in ((plain, WEIGHTINGS), (names, ("equal", "fitted"))):
        if len(members) < 2 or (members is names and ATTENTION not in names):
            continue
        for weighting in weightings:
            if weighting == "fitted" and validation is None:
                continue
            if weighting in _OF_THE_PAPER and set(members) != set(AS_PRINTED):
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
    parts: Mapping[str, pd.DataFrame],
    normalizer: AgeNormalizer,
    seed: int,
    confidence: float,
) -> dict[str, Any]:
    """One row of the study: who averages, and how it does on each split."""
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
    errors = {split: _errors(parts[split]) for split in ("train", "validation") if split in parts}
    record |= {f"mae_{split}_months": float(error.mean()) for split, error in errors.items()}
    if len(errors) == 2:
        record["gap_months"] = float(errors["validation"].mean() - errors["train"].mean())
        record["gap_months_ci"] = welch_interval(errors["validation"], errors["train"], confidence)
    return record


def _gap_less_members(
    parts: Mapping[str, pd.DataFrame],
    members: Mapping[str, Mapping[str, pd.DataFrame]],
    weights: Weights,
    confidence: float,
) -> dict[str, Any]:
    """How much smaller an ensemble's gap is than its members', radiograph by radiograph.

    An ensemble and its members err on the same radiographs, so the difference is far better known
    than either gap.
    """
    if not {"train", "validation"} <= set(parts):
        return {}
    validation, train = (
        less_members(
            _errors(parts[split]), {m: _errors(own[split]) for m, own in members.items()}, weights
        )
        for split in ("validation", "train")
    )
    by_member = {m: float(validation[m].mean() - train[m].mean()) for m in members}
    smallest = max(by_member, key=lambda member: by_member[member])
    found: dict[str, Any] = {"smallest_gap_member": smallest}
    for key, than in (("gap_less_members", ""), ("gap_less_smallest", smallest)):
        found[f"{key}_months"] = float(validation[than].mean() - train[than].mean())
        found[f"{key}_months_ci"] = welch_interval(validation[than], train[than], confidence)
    return found


def less_members(
    own: np.ndarray, members: Mapping[str, np.ndarray], weights: Mapping[str, float]
) -> dict[str, np.ndarray]:
    """An ensemble's values less those of each member, and less their mean by its own weights.

    A mean with all members alike would credit an ensemble that leans on the member that overfits
    least with having chosen it.

    Args:
        own: (n,) errors or gaps of the ensemble, months.
        members: the same of each member.
        weights: of each member, none below zero; divided by their sum, or alike where that is zero.

    Returns:
        (n,) differences by member, and under ``""`` those to the weighted mean.
    """
    shares = np.array([weights[name] for name in members], dtype=float)
    shares = shares / shares.sum() if shares.sum() > 0 else np.full(len(shares), 1 / len(shares))
    mean = np.tensordot(shares, np.stack(list(members.values())), axes=1)
    return {"": own - mean} | {name: own - values for name, values in members.items()}


def _errors(table: pd.DataFrame) -> np.ndarray:
    return (table["predicted_months"] - table["boneage_months"]).abs().to_numpy()
