"""Claims about Table 6, against a run's own scores: errors row by row, MAE, and its last column."""

from __future__ import annotations

import math
from typing import Any

from boneage_lib.data.histogram import load_histogram
from boneage_lib.paper.claim import Claim, Verdict, by_match
from boneage_lib.paper.findings import Results, absent
from boneage_lib.paper.label_claims import rmse_readings
from boneage_lib.paper.published import TABLE_1, TABLE_6, TITLES, number
from boneage_lib.paper.statements import stated

ENOUGH_TRAINING = 0.9  # share of the paper's training set below which its numbers are out of reach

#: Where a printed error lies that is held against a measured one.
WORDS = {
    Verdict.CONFIRMED: "inside",
    Verdict.APPROXIMATELY: "within a fifth",
    Verdict.CONTRADICTED: "neither",
}


def table_6_claims(run_results: Results) -> list[Claim]:
    """Each row, the mean absolute error that the rows imply, and the "P-values"."""
    return [
        *(_table_6_row(network, run_results) for network in TABLE_6),
        _mae(run_results),
        _p_value(run_results),
    ]


def _mae(run_results: Results) -> Claim:
    implied = implied_mae_months()
    texts, matches, widest = [], [], 0.0
    for network, (least, most) in implied.items():
        scores = (run_results.get("metrics") or {}).get(network, {})
        chosen = scores.get("test_resampled") or scores.get("test") or {}
        if chosen.get("mae_months_ci") is None:
            continue
        low, high = chosen["mae_months_ci"]
        matches.append(low <= most and high >= least)
        widest = max(widest, float(chosen["mae_months"]))
        texts.append(
            f"{TITLES[network]} {chosen['mae_months']:.1f} ({low:.1f} to {high:.1f}), implied "
            f"{least:.1f} to {most:.1f}"
        )
    half: dict[str, Any]
    if len(matches) < len(implied):
        half = absent("mean absolute errors of the three networks with intervals")
    else:
        half = {
            "measured": "months: " + "; ".join(texts),
            "value": widest,
            "interval": None,
            "verdict": by_match(matches),
            "reason": "Implied: the printed RMSE in months under each reading of its unit, times "
            "√(2/π) as for normal errors. An interval that meets the range agrees.",
        } | out_of_reach(run_results)
    return stated(
        "table-6-mae",
        test="Mean absolute error on the resampled test set (else on test as it is) with bootstrap "
        "interval, against what the printed RMSE implies.",
        **half,
    )


def implied_mae_months() -> dict[str, tuple[float, float]]:
    """Least and greatest mean absolute error that Table 6 can mean, by network, if normal."""
    readings = rmse_readings(load_histogram()).groupby("network")["rmse_months"]
    factor = math.sqrt(2 / math.pi)
    return {
        str(network): (factor * float(rows.min()), factor * float(rows.max()))
        for network, rows in readings
    }


def out_of_reach(run_results: Results) -> dict[str, Any]:
    """Verdict and reason where a run's radiographs are too few or too small for printed numbers."""
    n_train, needed = run_results.get("n_train") or 0, TABLE_1["train"].samples
    side, printed_side = run_results.get("image_size"), int(number("image_size"))
    lacks = []
    if n_train < ENOUGH_TRAINING * needed:
        lacks.append(f"Trained on {n_train:,} radiographs, the paper on {needed:,}.")
    if side != printed_side:
        size = "unknown size" if side is None else f"{side} px"
        lacks.append(f"Radiographs of {size}, the paper's of {printed_side} px.")
    return {"verdict": Verdict.NOT_TESTABLE, "reason": " ".join(lacks)} if lacks else {}


def _table_6_row(network: str, run_results: Results) -> Claim:
    printed = TABLE_6[network]
    scores = (run_results.get("metrics") or {}).get(network, {})
    raw, drawn = scores.get("test"), scores.get("test_resampled")
    chosen = drawn or raw
    half: dict[str, Any]
    if chosen is None or chosen.get("rmse_z_ci") is None or chosen.get("rmse_months_ci") is None:
        half = absent(f"errors in z of {TITLES[network]}")
    else:
        texts = [
            f"{name}: MAE {s['mae_months']:.1f}, RMSE {s['rmse_months']:.1f} months"
            for name, s in (("test as it is", raw), ("test resampled", drawn))
            if s is not None
        ]
        low, high = chosen["rmse_z_ci"]
        texts.append(
            f"RMSE {chosen['rmse_z']:.2f} z ({low:.2f} to {high:.2f}) with its own standard "
            f"deviation of {chosen['std_months']:.1f} months"
        )
        by_reading: dict[str, Verdict] = {}
        for reading, std in _readings().items():
            z, least, most = (
                value / std for value in (chosen["rmse_months"], *chosen["rmse_months_ci"])
            )
            close = abs(z / printed.rmse - 1) <= 0.2
            by_reading[reading] = (
                Verdict.CONFIRMED if least <= printed.rmse <= most else by_match([False, close])
            )
            texts.append(f"{z:.2f} with {std:.1f} ({reading}): {WORDS[by_reading[reading]]}")
        agreed = set(by_reading.values())
        half = {
            "measured": "; ".join(texts),
            "value": float(chosen["rmse_z"]),
            "interval": (float(low), float(high)),
            "verdict": agreed.pop() if len(agreed) == 1 else Verdict.AMBIGUOUS,
            "reason": f"The printed RMSE of {printed.rmse} is inside the interval, within a fifth "
            "of the measured one, or neither, by each standard deviation that its unit may mean; "
            "ambiguous where they disagree.",
        }
        half |= out_of_reach(run_results)
    return stated(
        f"table-6-{network.replace('_', '-')}",
        test="RMSE on the resampled test set, as in the paper (else on test as it is), with "
        "bootstrap interval, over each standard deviation of Table 6's possible units.",
        **half,
    )


def _readings() -> dict[str, float]:
    """Standard deviations, months, that Table 6's unit may mean, by reading."""
    readings = rmse_readings(load_histogram())
    return dict(zip(readings["reading"], readings["std_months"], strict=True))


def _p_value(run_results: Results) -> Claim:
    metrics = run_results.get("metrics") or {}
    rows = {
        network: scores["test"]
        for network, scores in metrics.items()
        if (scores.get("test") or {}).get("pearson_r_p") is not None
    }
    return stated(
        "p-value-is-r",
        test="r with Fisher's interval, R², the p-value of r, and t- and KS-test p-values side by "
        "side.",
        **(_correlations(rows) if rows else absent("correlation on test")),
    )


def _correlations(rows: dict[str, dict[str, Any]]) -> dict[str, Any]:
    labels = {"r2": "R²", "mse_z": "MSE in z", "t_test_p": "t-test p", "ks_test_p": "KS p"}
    texts = []
    for network, row in rows.items():
        p = f"{row['pearson_r_p']:.0e}" if row["pearson_r_p"] > 0 else "below 1e-300"
        ci = row.get("pearson_r_ci")
        r = f"{row['pearson_r']:.2f}" + (f" ({ci[0]:.2f} to {ci[1]:.2f})" if ci else "")
        parts = [f"{TITLES.get(network, network)}: r {r}, its p {p}"]
        parts += [
            f"{label} {row[key]:.2g}" for key, label in labels.items() if row.get(key) is not None
        ]
        texts.append(", ".join(parts))
    largest = max(row["pearson_r_p"] for row in rows.values())
    # A t- or KS-test p-value can take any value: one alone comes near a printed number by luck.
    limits = {
        n: rows[n]["pearson_r_ci"] for n in TABLE_6 if (rows.get(n) or {}).get("pearson_r_ci")
    }
    inside = sum(low <= TABLE_6[n].p_value <= high for n, (low, high) in limits.items())
    rivals = [
        labels[key]
        for key in ("t_test_p", "ks_test_p")
        if all(
            math.isclose((rows.get(n) or {}).get(key) or 0.0, row.p_value, abs_tol=0.01)
            for n, row in TABLE_6.items()
        )
    ]
    if largest >= 0.05:
        verdict, reason = Verdict.AMBIGUOUS, "Some network's predictions hardly correlate with age."
    elif rivals:
        verdict = Verdict.AMBIGUOUS
        reason = f"The p-value of r vanishes, but the {rivals[0]} comes near each printed number."
    elif not inside:
        verdict = Verdict.AMBIGUOUS
        reason = "The p-value of r vanishes, but no printed number lies in the interval of its r."
    else:
        verdict = Verdict.CONTRADICTED
        reason = (
            f"A p-value of such correlations is at most {largest:.0e}, so the column holds none; "
            "that it holds r follows from the paper's own MSE. Of its "
            f"{len(TABLE_6)} numbers {inside} lie{'s' if inside == 1 else ''} in the interval of "
            "the r measured here."
        )
    return {
        "measured": "; ".join(texts),
        "value": float(largest),
        "interval": None,
        "verdict": verdict,
        "reason": reason,
    }
