"""Claims about single networks and pairs of them: who is best, by how much, and what r is."""

from __future__ import annotations

import math
from typing import Any

from boneage_lib.paper.claim import Claim, Verdict, by_match
from boneage_lib.paper.findings import Results, absent, compared
from boneage_lib.paper.published import TABLE_1, TABLE_6, TITLES

RESNET, ATTENTION = "resnet50_patches", "xception_attention"
ENOUGH_TRAINING = 0.9  # share of the paper's training set below which its numbers are out of reach


def network_claims(run_results: Results) -> list[Claim]:
    """Rankings of networks, Table 6 row by row, its last column, and the attention network."""
    return [
        _resnet_best(run_results),
        _xception_better(run_results),
        *(_table_6_row(network, run_results) for network in TABLE_6),
        _p_value(run_results),
        _attention(run_results),
    ]


def _resnet_best(run_results: Results) -> Claim:
    return Claim(
        id="resnet50-best",
        statement="ResNet50 on patches outperforms the other networks.",
        place="sections VI-C and VII, Table 6",
        test="Paired difference of the mean absolute error on test, with bootstrap interval.",
        **compared(run_results, RESNET, ("inception_v3", "xception")),
    )


def _xception_better(run_results: Results) -> Claim:
    return Claim(
        id="xception-improves",
        statement="Xception improves on InceptionV3.",
        place="section VII, Table 6",
        test="Paired difference of the mean absolute error on test, with bootstrap interval.",
        **compared(run_results, "xception", ("inception_v3",)),
    )


def _attention(run_results: Results) -> Claim:
    return Claim(
        id="attention-deviates",
        statement="Xception with attention deviates from the other networks and is left out.",
        place="section VI-C",
        test="Paired difference of the mean absolute error on test to each other network.",
        **compared(run_results, ATTENTION, tuple(TABLE_6), claimed="higher"),
    )


def _table_6_row(network: str, run_results: Results) -> Claim:
    printed = TABLE_6[network]
    scores = (run_results.get("metrics") or {}).get(network, {})
    raw, drawn = scores.get("test"), scores.get("test_resampled")
    chosen = drawn or raw
    half: dict[str, Any]
    if chosen is None or chosen.get("rmse_z_ci") is None:
        half = absent(f"errors in z of {TITLES[network]}")
    else:
        texts = [
            f"{name}: MAE {s['mae_months']:.1f}, RMSE {s['rmse_months']:.1f} months"
            for name, s in (("test as it is", raw), ("test resampled", drawn))
            if s is not None
        ]
        low, high = chosen["rmse_z_ci"]
        texts.append(f"RMSE {chosen['rmse_z']:.2f} z ({low:.2f} to {high:.2f})")
        matches = (
            low <= printed.rmse <= high,
            abs(chosen["rmse_z"] / printed.rmse - 1) <= 0.2,
        )
        half = {
            "measured": "; ".join(texts),
            "value": float(chosen["rmse_z"]),
            "interval": (float(low), float(high)),
            "verdict": Verdict.CONFIRMED if matches[0] else by_match(matches),
            "reason": f"Printed RMSE {printed.rmse}: inside the interval, within a fifth of it, or "
            "neither.",
        }
        n_train, needed = run_results.get("n_train") or 0, TABLE_1["train"].samples
        if n_train < ENOUGH_TRAINING * needed:
            half |= {
                "verdict": Verdict.NOT_TESTABLE,
                "reason": f"Trained on {n_train:,} radiographs, the paper on {needed:,}.",
            }
    return Claim(
        id=f"table-6-{network.replace('_', '-')}",
        statement=f"{TITLES[network]}: MSE {printed.mse}, RMSE {printed.rmse}.",
        place="Table 6",
        test="RMSE in z on the resampled test set, as in the paper (else on test as it is), with "
        "bootstrap interval; errors in months beside it.",
        **half,
    )


def _p_value(run_results: Results) -> Claim:
    metrics = run_results.get("metrics") or {}
    rows = {
        network: scores["test"]
        for network, scores in metrics.items()
        if (scores.get("test") or {}).get("pearson_r_p") is not None
    }
    return Claim(
        id="p-value-is-r",
        statement='The last column of Table 6 holds "P-values".',
        place="Table 6",
        test="r, R², the p-value of r, and t- and KS-test p-values side by side.",
        **(_correlations(rows) if rows else absent("correlation on test")),
    )


def _correlations(rows: dict[str, dict[str, Any]]) -> dict[str, Any]:
    labels = {"r2": "R²", "mse_z": "MSE in z", "t_test_p": "t-test p", "ks_test_p": "KS p"}
    texts = []
    for network, row in rows.items():
        p = f"{row['pearson_r_p']:.0e}" if row["pearson_r_p"] > 0 else "below 1e-300"
        parts = [f"{TITLES.get(network, network)}: r {row['pearson_r']:.2f} (p {p})"]
        parts += [
            f"{label} {row[key]:.2g}" for key, label in labels.items() if row.get(key) is not None
        ]
        texts.append(", ".join(parts))
    largest = max(row["pearson_r_p"] for row in rows.values())
    # A t- or KS-test p-value can take any value, so the printed column could be one by accident.
    printed = [row.p_value for row in TABLE_6.values()]
    other_reading = any(
        math.isclose(row.get(key) or 0.0, value, abs_tol=0.01)
        for row in rows.values()
        for key in ("t_test_p", "ks_test_p")
        for value in printed
    )
    if largest >= 0.05:
        verdict, reason = Verdict.AMBIGUOUS, "Some network's predictions hardly correlate with age."
    elif other_reading:
        verdict = Verdict.AMBIGUOUS
        reason = "The p-value of r vanishes, but another test's comes near a printed number."
    else:
        verdict = Verdict.CONTRADICTED
        reason = "The p-value of r vanishes; r itself is what the column can hold."
    return {
        "measured": "; ".join(texts),
        "value": float(largest),
        "interval": None,
        "verdict": verdict,
        "reason": reason,
    }
