"""What the claims about a run share: paired differences, and what a run does not hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from boneage_lib.paper.claim import Verdict
from boneage_lib.paper.published import TITLES
from boneage_lib.paper.signs import signed

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
        return (point, low, high) if record["a"] == a else turned((point, low, high))
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


#: Fewer say little of how much other seeds would have changed.
ENOUGH_SEEDS = 5
#: Said of a result that one training of each network gave.
ONE_SEED = "One seed: how much the training's luck weighs is not in it."


def judged(run_results: Results, a: str, b: str) -> tuple[list[Difference], str] | None:
    """What there is to judge "a errs less than b" by: test radiographs and, if several, seeds.

    Returns:
        MAE of a minus b, months, with an interval over test radiographs, then over seeds where both
        have two or more in common; and both in words. None where the run does not compare the two.
    """
    on_test = difference(run_results, a, b)
    if on_test is None:
        return None
    seeds = over_seeds(seeds_of(run_results, a), seeds_of(run_results, b))
    known = [on_test] if seeds is None else [on_test, seeds]
    return known, both(known)


def turned(found: Difference) -> Difference:
    """The difference of b and a from that of a and b."""
    point, low, high = found
    return -point, -high, -low


def capped(verdict: Verdict, most: Verdict = Verdict.APPROXIMATELY) -> Verdict:
    """A verdict in a claim's favor where the evidence reaches for no more than ``most``.

    From best to least: confirmed, approximately, ambiguous. Others stay as they are.
    """
    favor = (Verdict.CONFIRMED, Verdict.APPROXIMATELY, Verdict.AMBIGUOUS)
    return max(verdict, most, key=favor.index) if verdict in favor else verdict


def told(found: Difference) -> str:
    """A difference in words: ``−1.20 months (−2.00 to −0.40)``."""
    point, low, high = (signed(number, 2, plus=True) for number in found)
    return f"{point} months ({low} to {high})"


def both(known: Sequence[Difference]) -> str:
    """A difference over radiographs, and over seeds where there are several, in words."""
    return ", over seeds ".join(told(each) for each in known)


def lower_error(
    *comparisons: Sequence[Difference], others: Sequence[str] = ()
) -> tuple[Verdict, str]:
    """Verdict on "lower error than all of these".

    Against a claim speaks only a comparison all of whose intervals lie on the other side of zero:
    where one includes zero, other radiographs or other seeds could have decided otherwise.

    Args:
        comparisons: with each of the others, its differences: over radiographs, perhaps over seeds.
        others: what they are called in print, where there are several.
    """
    differences = [found for comparison in comparisons for found in comparison]
    if all(high < 0 for _, _, high in differences):
        return Verdict.CONFIRMED, "every interval lies on the claimed side of zero"
    lost = [all(low > 0 for _, low, _ in comparison) for comparison in comparisons]
    if any(lost):
        reason = "every interval lies on the other side of zero"
        if others:
            against = " and ".join(name for name, one in zip(others, lost, strict=True) if one)
            reason = f"against {against} {reason}, and one such comparison is enough"
        return Verdict.CONTRADICTED, reason
    if all(point < 0 for point, _, _ in differences):
        return Verdict.APPROXIMATELY, "all differ as claimed, but an interval includes zero"
    if any(
        any(low > 0 for _, low, _ in comparison) and any(high < 0 for _, _, high in comparison)
        for comparison in comparisons
    ):
        return Verdict.AMBIGUOUS, "intervals on either side of zero contradict each other"
    return Verdict.AMBIGUOUS, "intervals include zero, and not all differ as claimed"


def compared(run_results: Results, network: str, others: Sequence[str]) -> dict[str, Any]:
    """The measured half of a claim that a network has a lower error than others.

    Judged by radiographs and, where there are several, by seeds. ``value`` and ``interval`` are
    those of the comparison on test that supports the claim least.
    """
    texts, comparisons, alone = [], [], False
    for other in others:
        found = judged(run_results, network, other)
        if found is None:
            return absent(f"paired difference of {TITLES[network]} and {TITLES[other]}")
        texts.append(f"{found[1]} against {TITLES[other]}")
        comparisons.append(found[0])
        alone |= len(found[0]) == 1
    weakest = max(known[0] for known in comparisons)
    names = [TITLES[other] for other in others] if len(others) > 1 else ()
    verdict, reason = lower_error(*comparisons, others=names)
    return {
        "measured": "; ".join(texts),
        "value": weakest[0],
        "interval": weakest[1:],
        "verdict": verdict,
        "reason": f"Claimed: lower error; {reason}. {trained_on(run_results, alone)}",
    }


def trained_on(run_results: Results, one_seed: bool = False) -> str:
    """On how many radiographs of which size a result rests, and whether on one seed alone."""
    n_train, side = run_results.get("n_train"), run_results.get("image_size")
    number = "an unknown number of" if n_train is None else f"{n_train:,}"
    size = "unknown size" if side is None else f"{side} px"
    text = f"Trained on {number} radiographs of {size}."
    return f"{text} {ONE_SEED}" if one_seed else text


def no_gain(*differences: Difference) -> tuple[Verdict, str]:
    """Verdict on "the first has no lower error than the second", from their differences.

    Args:
        differences: of the same two, over radiographs and perhaps over seeds.
    """
    if all(low > 0 for _, low, _ in differences):
        return Verdict.CONFIRMED, "every interval lies above zero: its error is larger"
    if all(high < 0 for _, _, high in differences):
        return Verdict.CONTRADICTED, "every interval lies below zero: its error is smaller"
    if all(point >= 0 for point, _, _ in differences):
        return Verdict.APPROXIMATELY, "an interval includes zero"
    return Verdict.AMBIGUOUS, "an interval includes zero, and the error is smaller on average"
