"""What the claims about a run share: paired differences, and what a run does not hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from boneage_lib.paper.claim import Verdict
from boneage_lib.paper.published import TITLES

Results = Mapping[str, Any]
Difference = tuple[float, float, float]  # months: point, low, high


def absent(what: str) -> dict[str, Any]:
    """The measured half of a claim whose numbers the run does not hold."""
    return {
        "measured": "not measured",
        "value": None,
        "interval": None,
        "verdict": Verdict.NOT_TESTABLE,
        "reason": f"The run holds no {what}.",
    }


def difference(run_results: Results, a: str, b: str) -> Difference | None:
    """MAE of a minus b on test, months, with its interval; in whichever order it was recorded."""
    for record in run_results.get("paired") or ():
        ci = record.get("difference_months_ci")
        if ci is None or {record["a"], record["b"]} != {a, b}:
            continue
        point, (low, high) = record["difference_months"], ci
        return (point, low, high) if record["a"] == a else (-point, -high, -low)
    return None


def over_seeds(a: Mapping[str, Any] | None, b: Mapping[str, Any] | None) -> Difference | None:
    """Mean of a minus b over the seeds that both have, with Student's 95 % interval; None below 2.

    Args:
        a: ``seed`` and ``mae_months``, lists of the same length.
        b: the same of what it is compared with.
    """
    if not a or not b:
        return None
    of_a, of_b = (dict(zip(x["seed"], x["mae_months"], strict=True)) for x in (a, b))
    found = np.array([of_a[seed] - of_b[seed] for seed in of_a if seed in of_b], dtype=float)
    if len(found) < 2:
        return None
    half = float(stats.t.ppf(0.975, len(found) - 1) * stats.sem(found))
    mean = float(found.mean())
    return mean, mean - half, mean + half


def seeds_of(run_results: Results, network: str, split: str = "test") -> dict[str, Any] | None:
    """Seeds of a network and the errors of a split, as `over_seeds` takes them."""
    seeds = ((run_results.get("metrics") or {}).get(network) or {}).get("seeds")
    if not seeds or split not in seeds:
        return None
    return {"seed": seeds["seed"], "mae_months": seeds[split]["mae_months"]}


def told(found: Difference) -> str:
    """A difference in words: ``-1.20 months (-2.00 to -0.40)``."""
    point, low, high = found
    return f"{point:+.2f} months ({low:+.2f} to {high:+.2f})"


def lower_error(differences: Sequence[Difference]) -> tuple[Verdict, str]:
    """Verdict on "lower error than all of these", from differences with their intervals."""
    if all(high < 0 for _, _, high in differences):
        return Verdict.CONFIRMED, "every interval lies on the claimed side of zero"
    if any(low > 0 for _, low, _ in differences):
        return Verdict.CONTRADICTED, "an interval lies on the other side of zero"
    if all(point < 0 for point, _, _ in differences):
        return Verdict.APPROXIMATELY, "all differ as claimed, but an interval includes zero"
    return Verdict.AMBIGUOUS, "intervals include zero, and not all differ as claimed"


def compared(
    run_results: Results, network: str, others: Sequence[str], claimed: str = "lower"
) -> dict[str, Any]:
    """The measured half of a claim that a network has a lower, or higher, error than others.

    ``value`` and ``interval`` are those of the comparison that supports the claim least.
    """
    known = {}
    for other in others:
        found = difference(run_results, network, other)
        if found is None:
            return absent(f"paired difference of {TITLES[network]} and {TITLES[other]}")
        known[other] = found
    sign = 1 if claimed == "lower" else -1
    weakest = max(known.values(), key=lambda found: sign * found[0])
    verdict, reason = lower_error(
        [found if sign > 0 else (-found[0], -found[2], -found[1]) for found in known.values()]
    )
    return {
        "measured": "; ".join(
            f"{point:+.2f} months against {TITLES[other]} ({low:+.2f} to {high:+.2f})"
            for other, (point, low, high) in known.items()
        ),
        "value": weakest[0],
        "interval": weakest[1:],
        "verdict": verdict,
        "reason": f"Claimed: {claimed} error; {reason}. {trained_on(run_results)}",
    }


def trained_on(run_results: Results) -> str:
    """A sentence that says on how many radiographs a result rests."""
    n_train = run_results.get("n_train")
    return (
        f"Trained on {'an unknown number of' if n_train is None else f'{n_train:,}'} radiographs."
    )


def no_gain(found: Difference) -> tuple[Verdict, str]:
    """Verdict on "the first has no lower error than the second", from their difference."""
    point, low, high = found
    if low > 0:
        return Verdict.CONFIRMED, "the interval lies above zero: its error is larger"
    if high < 0:
        return Verdict.CONTRADICTED, "the interval lies below zero: its error is smaller"
    if point >= 0:
        return Verdict.APPROXIMATELY, "the interval includes zero"
    return Verdict.AMBIGUOUS, "the interval includes zero, and the error is smaller on average"
