"""Claims about the ensemble: better than its members, more robust, less overfitted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from boneage_lib.paper.claim import Claim, Verdict
from boneage_lib.paper.findings import (
    ENOUGH_SEEDS,
    ONE_SEED,
    Difference,
    Results,
    absent,
    both,
    capped,
    lower_error,
    told,
)
from boneage_lib.paper.published import TABLE_6, TITLES
from boneage_lib.paper.signs import signed
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


def _interval(row: Mapping[str, Any], key: str) -> Difference | None:
    """A number of a row with its interval (months), or None where either is missing."""
    value, ci = row.get(key), row.get(f"{key}_ci")
    return None if value is None or ci is None else (float(value), float(ci[0]), float(ci[1]))


def _against_best(row: Mapping[str, Any]) -> dict[str, Any]:
    """Whether an ensemble errs less than its best member on test.

    That member is chosen with a look at the answers, in its favor. An ensemble that beats it has
    won; one that loses to it must lose to the member that is best on validation as well.
    """
    low, high = row["difference_months_ci"]
    verdict, reason = lower_error([(row["difference_months"], low, high)])
    if verdict is Verdict.CONTRADICTED:
        fair = _interval(row, "validation_best_difference_months")
        if fair is None or fair[1] <= 0:
            verdict = Verdict.AMBIGUOUS
            reason += ", but not against a member that is chosen without a look at test"
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
                f"{_title(row['name'])} {row['mae_months']:.2f} months "
                f"({signed(row['difference_months'], 2, plus=True)} to "
                f"{TITLES[row['best_member']]})"
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
    readings = [found for found in (_rise(run_results), _spread(run_results)) if found]
    half: dict[str, Any]
    if not readings:
        half = absent("answers of ensemble and members to changed radiographs or of several seeds")
    else:
        known = [found for found, _, _, _ in readings]
        weakest = max(known, key=lambda each: each[0])
        verdict, reason = lower_error(known)  # its readings have to agree
        doubts = [doubt for _, _, _, doubt in readings if doubt]
        for _, _, most, _ in readings:
            verdict = capped(verdict, most)
        half = {
            "measured": "; ".join(text for _, text, _, _ in readings),
            "value": weakest[0],
            "interval": weakest[1:],
            "verdict": verdict,
            "reason": ". ".join([f"Claimed: less than the best member; {reason}", *doubts]) + ".",
        }
    return stated(
        "ensemble-robust",
        test="How much the error rises on changed radiographs, with an error there that is no "
        "larger, and how far answers lie apart over seeds, with a mean absolute error that varies "
        "less: ensemble less its best member, with bootstrap intervals over radiographs.",
        **half,
    )


#: A reading of "robust": the difference, it in words, the most it can show, and what it lacks.
Reading = tuple[Difference, str, Verdict, str]


def _rise(run_results: Results) -> Reading | None:
    """How much more the ensemble's error rises on changed radiographs than its best member's.

    An average that errs more on clean radiographs has less to lose, so its error on the changed
    ones may not be larger either.
    """
    row = _named(run_results, "ensemble_robustness").get("normalized") or {}
    found = _interval(row, "increase_difference_months")
    if found is None:
        return None
    text = f"rise on changed radiographs {told(found)}"
    changed = _interval(row, "changed_difference_months")
    if changed is not None:
        text += f", error there {told(changed)}"
    text += f" against {TITLES[row['best_member']]}"
    if changed is not None and changed[1] > 0:
        return found, text, Verdict.AMBIGUOUS, "The error on changed radiographs is larger"
    if changed is None or changed[0] > 0:
        return found, text, Verdict.APPROXIMATELY, "Whether it errs less on them is open"
    return found, text, Verdict.CONFIRMED, ""


def _spread(run_results: Results) -> Reading | None:
    """How much closer an ensemble's answers over seeds lie than its steadiest member's.

    The interval is over radiographs with these seeds as they are; what other seeds would have given
    is not in it, so that a handful is too few to confirm.
    """
    rows = _named(run_results, "ensemble_over_seeds")
    row = rows.get("normalized") or {}
    found = _interval(row, "deviation_difference_months")
    if found is None:
        return None
    steadiest = row["steadiest_member"]
    text = f"spread over seeds {told(found)} against {TITLES[steadiest]}"
    own, other = (each.get("mae_sd_months") for each in (row, rows.get(steadiest) or {}))
    if own is not None and other is not None:
        text += f", standard deviation of the error {own:.2f} against {other:.2f}"
    if own is None or other is None or own >= other:
        return found, text, Verdict.APPROXIMATELY, "The error itself does not vary less over seeds"
    seeds = int(row.get("seeds") or 0)
    if seeds < ENOUGH_SEEDS:
        return found, text, Verdict.APPROXIMATELY, f"{seeds} seeds are too few to confirm it"
    return found, text, Verdict.CONFIRMED, ""


def _title(name: str) -> str:
    """A network's or ensemble's name in print."""
    return TITLES.get(name, name.replace("_", " "))


def _named(run_results: Results, study: str) -> dict[str, Mapping[str, Any]]:
    return {row["name"]: row for row in run_results.get(study) or ()}


def _overfitting(run_results: Results) -> Claim:
    key = "gap_less_{}_months"
    rows = [_named(run_results, study) for study in ("ensemble", "ensemble_over_seeds")]
    own = [each.get("normalized") or {} for each in rows]
    smallest, weighted = (
        [f for f in (_interval(row, key.format(of)) for row in own) if f is not None]
        for of in ("smallest", "members")
    )
    half: dict[str, Any]
    if not smallest or len(smallest) != len(weighted):
        half = absent("train-validation gaps of ensemble and members with intervals")
    else:
        verdict, reason = lower_error(smallest)
        than = "the smallest of its members'"
        if verdict is not Verdict.CONFIRMED:
            verdict, reason = lower_error(weighted)
            verdict, than = capped(verdict), "the mean of its members' by its own weights"
        judged = smallest if verdict is Verdict.CONFIRMED else weighted
        gaps = {n: r["gap_months"] for n, r in rows[0].items() if r.get("gap_months") is not None}
        half = {
            "measured": "validation minus train, months: "
            + "; ".join(f"{_title(n)} {signed(g, 2, plus=True)}" for n, g in gaps.items())
            + f"; ensemble less the smallest of its members' {both(smallest)}, less their mean by "
            f"its weights {both(weighted)}",
            "value": judged[0][0],
            "interval": judged[0][1:],
            "verdict": verdict,
            "reason": f"Claimed: a smaller gap; against {than} {reason}. Smaller than every "
            "member's is confirmed, than their weighted mean at most approximate."
            + ("" if len(smallest) > 1 else f" {ONE_SEED}"),
        }
    return stated(
        "ensemble-less-overfitting",
        test="Mean absolute error on validation minus that on train, ensemble less its members, "
        "with Welch's interval over radiographs, and over seeds with Student's.",
        **half,
    )
