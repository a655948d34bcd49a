"""All claims of the paper: those that arithmetic, the built networks, or a run decide."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pandas as pd

from boneage_lib.paper.ablation_claims import ablation_claims
from boneage_lib.paper.built_claims import built_claims
from boneage_lib.paper.choice_claims import choice_claims
from boneage_lib.paper.claim import Claim, Verdict
from boneage_lib.paper.design_claims import design_claims
from boneage_lib.paper.ensemble_claims import ensemble_claims
from boneage_lib.paper.findings import Results
from boneage_lib.paper.label_claims import label_claims
from boneage_lib.paper.network_claims import network_claims
from boneage_lib.paper.patch_claims import patch_claims
from boneage_lib.paper.region_claims import region_claims
from boneage_lib.paper.score_claims import score_claims
from boneage_lib.paper.statements import statements
from boneage_lib.paper.training_claims import training_claims

__all__ = ["built_claims", "exact_claims", "in_order", "measured_claims", "not_testable"]


def exact_claims(histogram: pd.DataFrame | None = None) -> list[Claim]:
    """Every claim that needs no image: Tables 1 to 3, 5 and 6 against labels and arithmetic.

    Args:
        histogram: columns split, female, months, count; RSNA's own by default.
    """
    return in_order(
        [
            *label_claims(histogram),
            *design_claims(),
            *choice_claims(histogram),
            *score_claims(),
        ]
    )


def measured_claims(run_results: Results) -> list[Claim]:
    """Every claim that needs a run, with the run's numbers and what they say.

    On a synthetic cohort, or with backbones of random weights, the numbers are shown and every
    verdict is "not testable here"; so it is where the run lacks what a claim needs. Claims
    that set networks side by side can be tested on fewer or smaller radiographs than the paper's,
    and say so; printed errors cannot.

    Args:
        run_results: ``cohort_kind`` ("synthetic" or "rsna"), ``weights`` ("random", or where the
            backbones' weights came from), ``n_train`` (training radiographs), ``image_size`` (their
            side in pixels), and as far as the run made them:

            - ``metrics``: {network: ``test`` and, with repeats, ``test_resampled``, `evaluate`'s
              numbers; ``seeds``, see `boneage_lib.report.results.over_seeds`}
            - ``paired``: records of `compare_all` on test
            - ``regions``: the same on parts of the age axis, with ``region`` (a key of
              `boneage_lib.paper.region_claims.REGIONS`) and, where there are several seeds,
              ``over_seeds``: point, low and high
            - ``error_correlation``: {network: {network: r}} on test; ``attention_apart``:
              `boneage_lib.evaluation.comparison.further_apart` of the attention network
            - ``age_weighted``: {network: mean absolute error with every age band alike, months}
            - ``rulers``: {network: ``rmse_z`` by train's mean and standard deviation and
              ``rmse_z_own`` by the resampled test set's own}
            - ``histories``: {network: ``val_loss`` and ``learning_rate``, lists over epochs, and
              where there are several seeds ``val_loss_of_seeds``, a list for each}
            - ``frequent``: {network: ``difference_months`` and ``…_ci``, errors on test of ages
              that are frequent in training less those of the others}
            - ``settings``: {network: its settings}
            - ``ensemble``: records of `ensemble_study`; ``ensemble_robustness``: the second table
              of `ensemble_robustness`; ``ensemble_over_seeds``: records of `seed_study`
            - ``patch_size_study``: records with ``patch_size`` (pixels), ``patch_count``, ``loss``
              (z²) and ``mae_months`` on validation, perhaps with ``low`` and ``high``;
              ``patch_size_fair``: the same with ``seed``, after equal numbers of updates
            - ``patches_at_test``: records with ``places`` ("random" or "grid"), ``patches``,
              ``combined`` ("mean" or "median"), ``mae_months``, ``lowest`` and ``highest`` over
              draws, and ``difference_months``, ``difference_low``, ``difference_high`` to three
              random patches
            - ``ablations``: {``schedules``, ``resampling``, ``input_form``: {``network``, ``n``,
              ``arms``: {arm: ``seed`` and ``updates``, lists, and but for the first arm
              ``difference_months`` to it and its ``interval``}}}
    """
    claims = in_order(
        [
            *network_claims(run_results),
            *region_claims(run_results),
            *training_claims(run_results),
            *ablation_claims(run_results),
            *patch_claims(run_results),
            *ensemble_claims(run_results),
        ]
    )
    why_not = not_testable(run_results)
    if why_not is None:
        return claims
    return [
        replace(claim, verdict=Verdict.NOT_TESTABLE, reason=f"{why_not} {claim.reason}".strip())
        if claim.value is None
        else replace(claim, verdict=Verdict.NOT_TESTABLE, reason=why_not)
        for claim in claims
    ]


def in_order(claims: Iterable[Claim]) -> list[Claim]:
    """Claims in the order of ``statements.csv``."""
    order = list(statements())
    return sorted(claims, key=lambda claim: order.index(claim.id))


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
