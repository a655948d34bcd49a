"""All claims of the paper: those that arithmetic decides and those that need a run."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from boneage_lib.paper.claim import Claim, Verdict
from boneage_lib.paper.design_claims import design_claims
from boneage_lib.paper.findings import Results
from boneage_lib.paper.label_claims import label_claims
from boneage_lib.paper.network_claims import network_claims
from boneage_lib.paper.score_claims import score_claims
from boneage_lib.paper.study_claims import study_claims


def exact_claims(histogram: pd.DataFrame | None = None) -> list[Claim]:
    """Every claim that needs no image: Tables 1 to 3, 5 and 6 against labels and arithmetic.

    Args:
        histogram: columns split, female, months, count; RSNA's own by default.
    """
    return [*label_claims(histogram), *design_claims(), *score_claims()]


def measured_claims(run_results: Results) -> list[Claim]:
    """Every claim that needs a run, with the run's numbers and what they say.

    On a synthetic cohort, or with backbones of random weights, the numbers are shown and every
    verdict is "not testable on this run"; so it is where the run lacks what a claim needs. Claims
    that set networks side by side can be tested on fewer radiographs than the paper's; printed
    errors cannot.

    Args:
        run_results: ``cohort_kind`` ("synthetic" or "rsna"), ``weights`` ("random", or where the
            backbones' weights came from), ``n_train`` (training radiographs), and as far as the run
            made them: ``metrics`` ({network: {"test" and, with repeats, "test_resampled":
            `evaluate`'s numbers}}), ``paired`` (records of `compare_all` on test), ``ensemble``
            (records of `ensemble_study`), ``patch_size_study`` (records with ``patch_size`` in
            pixels, ``mae_months`` on validation, and any number of seeds) and ``cost`` ({network:
            {"gflops": per radiograph, "images_per_second": measured}}).
    """
    claims = [*network_claims(run_results), *study_claims(run_results)]
    why_not = not_testable(run_results)
    if why_not is None:
        return claims
    return [
        replace(claim, verdict=Verdict.NOT_TESTABLE, reason=f"{why_not} {claim.reason}".strip())
        if claim.value is None
        else replace(claim, verdict=Verdict.NOT_TESTABLE, reason=why_not)
        for claim in claims
    ]


def not_testable(run_results: Results) -> str | None:
    """Why no claim can be tested on this run, or None if it can."""
    kind, weights = run_results.get("cohort_kind"), run_results.get("weights")
    reasons = []
    if kind != "rsna":
        reasons.append(f"the cohort is {kind or 'of unknown kind'}, not RSNA's radiographs")
    if weights is None or weights == "random":
        reasons.append(
            f"the backbones' weights are {weights or 'unknown'}, not learned on ImageNet"
        )
    return f"Shown for the pipeline only: {' and '.join(reasons)}." if reasons else None
