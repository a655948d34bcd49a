"""Claims about what was tried: learning-rate schedules, resampling, the form of the input."""

from __future__ import annotations

from typing import Any

from boneage_lib.paper.claim import Claim, Verdict
from boneage_lib.paper.findings import (
    Difference,
    Results,
    absent,
    capped,
    lower_error,
    no_gain,
    told,
)
from boneage_lib.paper.published import TITLES
from boneage_lib.paper.statements import stated

NOT_MEASURED = "ablation of {} over several seeds; not measured in this run"
MORE_UPDATES = 1.05  # cells cannot share out every number of draws evenly


def ablation_claims(run_results: Results) -> list[Claim]:
    """What the ablations of a run say, see `boneage_lib.paper.measured_claims`."""
    return [_schedules(run_results), _resampling(run_results), _input_form(run_results)]


def _less_reference(run_results: Results, study: str, arm: str) -> Difference | None:
    """An ablation's arm less its first, months, with the interval over seeds and radiographs."""
    found = (run_results.get("ablations") or {}).get(study) or {}
    less = (found.get("arms") or {}).get(arm) or {}
    if less.get("interval") is None:
        return None
    return float(less["difference_months"]), float(less["interval"][0]), float(less["interval"][1])


def _on(run_results: Results, study: str) -> str:
    """Which network was asked about which radiographs, in words."""
    found = run_results["ablations"][study]
    return f"{TITLES[found['network']]} on {found['n']} validation radiographs"


def _over(run_results: Results, study: str) -> str:
    """On what an ablation rests, in words."""
    found = run_results["ablations"][study]
    seeds = min(len(arm["seed"]) for arm in found["arms"].values())
    return (
        f"{seeds} seeds. The validation radiographs are not resampled, and they also choose the "
        "epoch, in every arm alike. The interval covers the one over seeds and the one over "
        "radiographs."
    )


def _half(found: Difference, measured: str, verdict: Verdict, reason: str) -> dict[str, Any]:
    """The measured half of a claim that one difference decides."""
    return {
        "measured": measured,
        "value": found[0],
        "interval": found[1:],
        "verdict": verdict,
        "reason": reason,
    }


def _schedules(run_results: Results) -> Claim:
    found = _less_reference(run_results, "schedules", "sawtooth")
    if found is None:
        half = absent(NOT_MEASURED.format("learning-rate schedules"))
    else:
        verdict, reason = no_gain(found)
        once = _less_reference(run_results, "schedules", "exponential")
        half = _half(
            found,
            f"{_on(run_results, 'schedules')}, sawtooth less plateau: {told(found)}"
            + ("" if once is None else f"; one decay over all epochs less plateau {told(once)}"),
            verdict,
            f"Claimed: no lower error; {reason}. {_over(run_results, 'schedules')}",
        )
    return stated(
        "schedule-ablation",
        test="Xception with three schedules over several seeds: error of validation radiographs, "
        "paired.",
        **half,
    )


def _resampling(run_results: Results) -> Claim:
    less = _less_reference(run_results, "resampling", "as_it_is")
    if less is None:
        half = absent(NOT_MEASURED.format("resampling"))
    else:
        found = (-less[0], -less[2], -less[1])
        verdict, reason = lower_error([found])
        if found[1] <= 0 <= found[2]:
            # Zero in the interval is no improvement that is significant, whatever the point.
            verdict, reason = Verdict.AMBIGUOUS, "the interval includes zero: not significant"
        verdict = capped(verdict)  # of three architectures one is tried
        arms = run_results["ablations"]["resampling"]["arms"].values()
        updates = [number for arm in arms for number in arm["updates"]]
        if max(updates) > MORE_UPDATES * min(updates):
            verdict, reason = Verdict.AMBIGUOUS, "the arms had different numbers of updates"
        half = _half(
            found,
            f"{_on(run_results, 'resampling')}, resampled less as it is: {told(found)}",
            verdict,
            f"Claimed: lower error in each architecture; {reason}. One architecture shows at most "
            "approximately what holds in each. That validation is not resampled leans against "
            f"resampling. {_over(run_results, 'resampling')}",
        )
    return stated(
        "resampling-helps",
        test="Xception with and without resampling of its training radiographs, equal numbers of "
        "updates, several seeds: error in months of validation radiographs as they are, paired.",
        **half,
    )


def _input_form(run_results: Results) -> Claim:
    found = _less_reference(run_results, "input_form", "tf")
    if found is None:
        half = absent(NOT_MEASURED.format("the form of ResNet50's input"))
    else:
        verdict, reason = lower_error([found])
        half = _half(
            found,
            f"{_on(run_results, 'input_form')}, [-1, 1] less BGR minus mean: {told(found)}",
            verdict,
            f"Claimed: [-1, 1] serves ResNet50's weights; {reason}. "
            f"{_over(run_results, 'input_form')}",
        )
    return stated(
        "input-form",
        test="ResNet50 on patches with both forms of input over several seeds: error of validation "
        "radiographs, paired.",
        **half,
    )
