"""Claims about single networks and pairs of them: who is best, who steadiest, and attention."""

from __future__ import annotations

from typing import Any

from boneage_lib.paper.claim import Claim
from boneage_lib.paper.findings import (
    ENOUGH_SEEDS,
    Difference,
    Results,
    absent,
    capped,
    compared,
    judged,
    lower_error,
    no_gain,
    told,
    trained_on,
    turned,
)
from boneage_lib.paper.published import TITLES
from boneage_lib.paper.statements import stated
from boneage_lib.paper.table_6_claims import table_6_claims

RESNET, ATTENTION = "resnet50_patches", "xception_attention"

PAIRED = (
    "Paired difference of the mean absolute error on test, with bootstrap interval over "
    "radiographs, and over seeds with Student's interval."
)


def network_claims(run_results: Results) -> list[Claim]:
    """Rankings of networks, Table 6 row by row, its last column, and the attention network."""
    return [
        _resnet_best(run_results),
        _headline(run_results),
        _steadier(run_results),
        _xception_better(run_results),
        *table_6_claims(run_results),
        _attention(run_results),
        _attention_benefit(run_results),
    ]


def _resnet_best(run_results: Results) -> Claim:
    return stated(
        "resnet50-best",
        test=PAIRED,
        **compared(run_results, RESNET, ("inception_v3", "xception")),
    )


def _headline(run_results: Results) -> Claim:
    return stated(
        "patches-beat-xception", test=PAIRED, **compared(run_results, RESNET, ("xception",))
    )


def _steadier(run_results: Results) -> Claim:
    members = {
        row["name"]: row
        for row in run_results.get("ensemble_over_seeds") or ()
        if row.get("kind") == "member" and row.get("deviation_months_ci") is not None
    }
    half: dict[str, Any]
    if RESNET not in members or len(members) < 2:
        half = absent("answers of the networks over several seeds")
    else:
        own = members.pop(RESNET)
        apart: list[Difference] = []
        for row in members.values():
            # Unpaired, so wider than a paired interval: what it decides is decided.
            (low, high), (least, most) = own["deviation_months_ci"], row["deviation_months_ci"]
            less = own["deviation_months"] - row["deviation_months"]
            apart.append((less, low - most, high - least))
        verdict, reason = lower_error(
            *([each] for each in apart), others=[TITLES.get(name, name) for name in members]
        )
        steady = all(own["mae_sd_months"] < row["mae_sd_months"] for row in members.values())
        if own["seeds"] < ENOUGH_SEEDS or not steady:
            verdict = capped(verdict)
        weakest = max(apart, key=lambda each: each[0])
        half = {
            "measured": "an answer's deviation over seeds, and the standard deviation of the mean "
            "absolute error, months: "
            + "; ".join(
                f"{TITLES.get(row['name'], row['name'])} {row['deviation_months']:.2f}, "
                f"{row['mae_sd_months']:.2f}"
                for row in (own, *members.values())
            ),
            "value": weakest[0],
            "interval": weakest[1:],
            "verdict": verdict,
            "reason": f"Claimed: less than every other network; {reason}. Confirmed by "
            f"{ENOUGH_SEEDS} seeds or more, and if its error varies less as well; {own['seeds']} "
            f"seeds here. {trained_on(run_results)}",
        }
    return stated(
        "patches-steadier",
        test="How far answers to a test radiograph lie apart over seeds, against each other "
        "network, and the standard deviation of the mean absolute error.",
        **half,
    )


def _xception_better(run_results: Results) -> Claim:
    return stated(
        "xception-improves",
        test=PAIRED,
        **compared(run_results, "xception", ("inception_v3",)),
    )


def _attention(run_results: Results) -> Claim:
    found = run_results.get("attention_apart") or {}
    half: dict[str, Any]
    if found.get("difference_months_ci") is None:
        half = absent("predictions of the four networks")
    else:
        further: Difference = (found["difference_months"], *found["difference_months_ci"])
        verdict, reason = lower_error([turned(further)])
        half = {
            "measured": f"{found['apart_months']:.1f} months from the others', they "
            f"{found['others_months']:.1f} from each other: {told(further)}",
            "value": further[0],
            "interval": further[1:],
            "verdict": verdict,
            "reason": f"Claimed: further from the others than they from each other; {reason}. "
            f"{trained_on(run_results, one_seed=True)}",
        }
    return stated(
        "attention-deviates",
        test="Mean absolute difference between predictions for the same test radiographs: the "
        "attention network's to the others', less that among the others, with bootstrap interval.",
        **half,
    )


def _attention_benefit(run_results: Results) -> Claim:
    found = judged(run_results, ATTENTION, "xception")
    half: dict[str, Any]
    if found is None:
        half = absent(f"paired difference of {TITLES[ATTENTION]} and {TITLES['xception']}")
    else:
        known, measured = found
        verdict, reason = no_gain(*known)
        half = {
            "measured": f"{measured} against {TITLES['xception']}",
            "value": known[0][0],
            "interval": known[0][1:],
            "verdict": verdict,
            "reason": f"Claimed: no lower error than without it; {reason}. "
            f"{trained_on(run_results, one_seed=len(known) == 1)}",
        }
    return stated(
        "attention-no-benefit",
        test=PAIRED,
        **half,
    )
