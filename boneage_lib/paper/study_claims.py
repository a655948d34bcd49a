"""Claims about studies over networks: patch size, the ensemble, and what a prediction costs."""

from __future__ import annotations

import numpy as np
from scipy import stats

from boneage_lib.paper.claim import Claim, Verdict, by_match
from boneage_lib.paper.findings import Results, absent, lower_error
from boneage_lib.paper.published import TITLES


def study_claims(run_results: Results) -> list[Claim]:
    """Patch size, ensemble against best member, overfitting, and Xception's cost."""
    return [
        _patch_size(run_results),
        _ensemble(run_results),
        _overfitting(run_results),
        _cost(run_results),
    ]


def _patch_size(run_results: Results) -> Claim:
    records = run_results.get("patch_size_study") or ()
    errors: dict[int, list[float]] = {}
    for record in records:
        errors.setdefault(int(record["patch_size"]), []).append(float(record["mae_months"]))
    if len(errors) < 2:
        half = absent("errors by patch size")
    else:
        sizes = sorted(errors)
        means = [float(np.mean(errors[size])) for size in sizes]
        largest, others = errors[sizes[-1]], [errors[size] for size in sizes[:-1]]
        falling = bool(np.all(np.diff(means) < 0))
        apart = all(max(largest) < min(other) for other in others)
        best = means[-1] == min(means)
        rank = float(stats.spearmanr(sizes, means).statistic) if len(sizes) > 2 else None
        half = {
            "measured": "; ".join(
                f"{size}²: {mean:.1f} ({min(errors[size]):.1f} to {max(errors[size]):.1f}, "
                f"{len(errors[size])} seeds)"
                for size, mean in zip(sizes, means, strict=True)
            )
            + " months"
            + ("" if rank is None else f"; rank correlation {rank:+.2f}"),
            "value": means[0] - means[-1],
            "interval": None,
            "verdict": Verdict.CONFIRMED
            if falling and apart
            else (Verdict.APPROXIMATELY if best else Verdict.CONTRADICTED),
            "reason": "Asked for: errors that fall with every step in size, and no seed of a "
            "smaller size as good as the largest; best on average alone is approximate.",
        }
    return Claim(
        id="small-patches-worse",
        statement="Many small patches generalize worse than few large ones.",
        place="section VI-B, Figure 5",
        test="Mean absolute error on validation by patch size, over seeds.",
        **half,
    )


def _ensemble(run_results: Results) -> Claim:
    rows = [r for r in run_results.get("ensemble") or () if r["kind"] == "ensemble"]
    rows = [row for row in rows if row.get("difference_months_ci") is not None]
    averages = [row for row in rows if row["name"] == "normalized"]
    if not averages:
        half = absent("ensemble with the printed weights divided by their sum")
    else:
        row = averages[0]
        low, high = row["difference_months_ci"]
        verdict, reason = lower_error([(row["difference_months"], low, high)])
        half = {
            "measured": "; ".join(
                f"{r['name']} {r['mae_months']:.2f} months "
                f"({r['difference_months']:+.2f} to {TITLES[r['best_member']]})"
                for r in rows
            ),
            "value": float(row["difference_months"]),
            "interval": (float(low), float(high)),
            "verdict": verdict,
            "reason": f"Judged by the printed weights divided by their sum; {reason}.",
        }
    return Claim(
        id="ensemble-beats-best",
        statement="The ensemble predicts better than its members.",
        place="abstract, section VI-C",
        test="Paired difference of the mean absolute error on test to the best member.",
        **half,
    )


def _overfitting(run_results: Results) -> Claim:
    gaps = {
        row["name"]: row["mae_validation_months"] - row["mae_train_months"]
        for row in run_results.get("ensemble") or ()
        if row.get("mae_validation_months") is not None and row.get("mae_train_months") is not None
    }
    kinds = {row["name"]: row["kind"] for row in run_results.get("ensemble") or ()}
    members = [gap for name, gap in gaps.items() if kinds[name] == "member"]
    if "normalized" not in gaps or not members:
        half = absent("errors of ensemble and members on train and validation")
    else:
        gap = gaps["normalized"]
        half = {
            "measured": "validation minus train, months: "
            + "; ".join(f"{TITLES.get(n, n)} {g:+.2f}" for n, g in gaps.items()),
            "value": float(gap - np.mean(members)),
            "interval": None,
            "verdict": Verdict.CONFIRMED
            if gap < min(members)
            else (Verdict.APPROXIMATELY if gap < float(np.mean(members)) else Verdict.CONTRADICTED),
            "reason": "Asked for: a smaller gap than every member's; smaller than their mean is "
            "approximate. One training of each network, so the spread over seeds is not in it.",
        }
    return Claim(
        id="ensemble-less-overfitting",
        statement="The ensemble overfits less.",
        place="abstract",
        test="Mean absolute error on validation minus that on train, ensemble and members.",
        **half,
    )


def _cost(run_results: Results) -> Claim:
    cost = run_results.get("cost") or {}
    xception, inception = cost.get("xception") or {}, cost.get("inception_v3") or {}
    if xception.get("gflops") is None or inception.get("gflops") is None:
        half = absent("operations a radiograph of Xception and InceptionV3")
    else:
        ratio = xception["gflops"] / inception["gflops"]
        speeds = [
            float(row["images_per_second"])
            for row in (xception, inception)
            if row.get("images_per_second") is not None
        ]
        timed = len(speeds) == 2
        half = {
            "measured": f"{xception['gflops']:.1f} against {inception['gflops']:.1f} GFLOPs"
            + (f"; {speeds[0]:.2f} against {speeds[1]:.2f} images/s" if timed else ""),
            "value": float(ratio),
            "interval": None,
            "verdict": by_match([ratio < 1, *([speeds[0] > speeds[1]] if timed else [])]),
            "reason": f"A radiograph costs {ratio:.2f} times the operations of InceptionV3.",
        }
    return Claim(
        id="xception-cheaper",
        statement="Xception reduces computational costs against InceptionV3.",
        place="sections V-B and VII",
        test="Operations a radiograph, and measured speed where there is one.",
        **half,
    )
