"""What the claims about a run share: paired differences, and what a run does not hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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
        "reason": f"Claimed: {claimed} error; {reason}. Trained on "
        f"{run_results.get('n_train', 'an unknown number of')} radiographs.",
    }
