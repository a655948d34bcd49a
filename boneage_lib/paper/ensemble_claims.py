"""Claims about the ensemble: better than its members, more robust, less overfitted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from boneage_lib.paper.claim import Claim, Verdict
from boneage_lib.paper.findings import Difference, Results, absent, lower_error, told
from boneage_lib.paper.published import TABLE_6, TITLES
from boneage_lib.paper.statements import stated


def ensemble_claims(run_results: Results) -> list[Claim]:
    """The average against its best member, as printed and divided by the weights' sum."""
    return [
        _better(run_results),
        _as_printed(run_results),
        _robust(run_results),
        _overfitting(run_results),
    ]


def _rows(run_results: Results) -> dict[str, Mapping[str, Any]]:
    """Ensembles by name, as far as a difference to the best member is known."""
    return {
        row["name"]: row
        for row in run_results.get("ensemble") or ()
        if row["kind"] == "ensemble" and row.get("difference_months_ci") is not None
    }


def _against_best(row: Mapping[str, Any]) -> dict[str, Any]:
    low, high = row["difference_months_ci"]
    verdict, reason = lower_error([(row["difference_months"], low, high)])
    return {
        "value": float(row["difference_months"]),
        "interval": (float(low), float(high)),
        "verdict": verdict,
        "reason": reason,
    }


def _better(run_results: Results) -> Claim:
    rows = _rows(run_results)
    half: dict[str, Any]
    if "normalized" not in rows:
        half = absent("ensemble with the printed weights divided by their sum")
    else:
        half = _against_best(rows["normalized"])
        correlations = run_results.get("error_correlation") or {}
        pairs = [
            float(correlations[a][b])
            for a in TABLE_6
            for b in TABLE_6
            if a < b and (correlations.get(a) or {}).get(b) is not None
        ]
        half |= {
            "measured": "; ".join(
                f"{row['name']} {row['mae_months']:.2f} months "
                f"({row['difference_months']:+.2f} to {TITLES[row['best_member']]})"
                for row in rows.values()
            )
            + (f"; errors correlate {min(pairs):.2f} to {max(pairs):.2f}" if pairs else ""),
            "reason": f"Judged by the printed weights divided by their sum; {half['reason']}.",
        }
    return stated(
        "ensemble-beats-best",
        test="Paired difference of the mean absolute error on test to the best member.",
        **half,
    )


def _as_printed(run_results: Results) -> Claim:
    row = _rows(run_results).get("as_printed")
    half: dict[str, Any]
    if row is None:
        half = absent("ensemble with the weights as printed")
    else:
        half = _against_best(row)
        low, high = half["interval"]
        half |= {
            "measured": f"{told((half['value'], low, high))} against {TITLES[row['best_member']]}; "
            f"weights sum to {row['weight_sum']:.2g}",
            "reason": f"Claimed: an average at least as good as its members; {half['reason']}.",
        }
    return stated(
        "ensemble-as-printed",
        test="Σ weight × z with the weights taken literally; paired difference of the mean "
        "absolute error on test to the best member.",
        **half,
    )


def _robust(run_results: Results) -> Claim:
    readings = (
        ("ensemble_robustness", "increase_difference_months", "best_member", "rise on changed "),
        ("ensemble_over_seeds", "deviation_difference_months", "steadiest_member", "spread over "),
    )
    texts: list[str] = []
    known: list[Difference] = []
    for study, key, member, words in readings:
        rows = {row["name"]: row for row in run_results.get(study) or ()}
        row = rows.get("normalized") or {}
        if row.get(f"{key}_ci") is None:
            continue
        low, high = row[f"{key}_ci"]
        found = (float(row[key]), float(low), float(high))
        known.append(found)
        what = "radiographs" if "rise" in words else "seeds"
        texts.append(f"{words}{what} {told(found)} against {TITLES[row[member]]}")
    half: dict[str, Any]
    if not known:
        half = absent("answers of ensemble and members to changed radiographs or of several seeds")
    else:
        weakest = max(known, key=lambda each: each[0])
        verdict, reason = lower_error(known)
        half = {
            "measured": "; ".join(texts),
            "value": weakest[0],
            "interval": weakest[1:],
            "verdict": verdict,
            "reason": f"Claimed: less than the best member; {reason}.",
        }
    return stated(
        "ensemble-robust",
        test="How much the error rises on changed radiographs, and how far answers lie apart over "
        "seeds: ensemble less its best member, with bootstrap intervals over radiographs.",
        **half,
    )


def _smallest(own: float, members: list[float]) -> tuple[Verdict, str]:
    """Verdict on a gap without an interval."""
    if own < min(members):
        verdict = Verdict.CONFIRMED
    elif own < float(np.mean(members)):
        verdict = Verdict.APPROXIMATELY
    else:
        verdict = Verdict.CONTRADICTED
    return verdict, (
        "Asked for: a smaller gap than every member's; smaller than their mean is approximate."
    )


def _overfitting(run_results: Results) -> Claim:
    rows = run_results.get("ensemble") or ()
    gaps = {
        row["name"]: row["mae_validation_months"] - row["mae_train_months"]
        for row in rows
        if row.get("mae_validation_months") is not None and row.get("mae_train_months") is not None
    }
    members = [gaps[r["name"]] for r in rows if r["kind"] == "member" and r["name"] in gaps]
    half: dict[str, Any]
    if "normalized" not in gaps or not members:
        half = absent("errors of ensemble and members on train and validation")
    else:
        gap = gaps["normalized"]
        own = next(row for row in rows if row["name"] == "normalized")
        ci = own.get("gap_less_members_months_ci")
        if ci is None:
            verdict, reason = _smallest(gap, members)
        else:
            found = (float(own["gap_less_members_months"]), float(ci[0]), float(ci[1]))
            verdict, reason = lower_error([found])
            reason = f"Claimed: a smaller gap than the mean of the members'; {reason}."
        half = {
            "measured": "validation minus train, months: "
            + "; ".join(f"{TITLES.get(n, n)} {g:+.2f}" for n, g in gaps.items()),
            "value": float(gap - np.mean(members)) if ci is None else found[0],
            "interval": None if ci is None else found[1:],
            "verdict": verdict,
            "reason": f"{reason} One training of each network: the spread over seeds is not in it.",
        }
    return stated(
        "ensemble-less-overfitting",
        test="Mean absolute error on validation minus that on train, ensemble and members.",
        **half,
    )
