"""Claims about the printed scores: Table 6 and the ensemble's weights, decided by arithmetic."""

from __future__ import annotations

import math

from scipy import stats

from boneage_lib.paper.claim import Claim, Verdict, by_match
from boneage_lib.paper.published import ENSEMBLE_WEIGHTS, TABLE_1, TABLE_6, TABLE_6_COLUMNS
from boneage_lib.paper.statements import stated


def score_claims() -> list[Claim]:
    """Table 6 against itself, and the printed weights against a perfect set of members."""
    return [*_table_6(), *_ensemble()]


def _table_6() -> list[Claim]:
    test_size = TABLE_1["test"].samples
    consistent = [
        math.sqrt(row.mse - 0.005) <= row.rmse + 0.005
        and math.sqrt(row.mse + 0.005) >= row.rmse - 0.005
        for row in TABLE_6.values()
    ]
    roots = [math.sqrt(row.mse) for row in TABLE_6.values()]
    implied_r = [math.sqrt(1 - row.mse) for row in TABLE_6.values()]
    printed = [row.p_value for row in TABLE_6.values()]
    looks_like_r = max(abs(r - p) for r, p in zip(implied_r, printed, strict=True)) < 0.0125
    p_of_r = [pvalue_of_r(r, test_size) for r in printed]
    columns = {name.upper() for name in TABLE_6_COLUMNS}
    return [
        stated(
            "table-6-rmse",
            "Square roots of the MSE, within the rounding of both.",
            ", ".join(f"√{row.mse} = {math.sqrt(row.mse):.3f}" for row in TABLE_6.values()),
            max(abs(root - row.rmse) for root, row in zip(roots, TABLE_6.values(), strict=True)),
            None,
            by_match(consistent),
            "Both columns are of the same errors.",
        ),
        stated(
            "table-6-p-value",
            "Pearson's r that the MSE in z implies: √(1 - MSE) if predictions are least-squares "
            "ones, 1 - MSE/2 if they vary as much as the truth; R² = 1 - MSE; and the p-value of a "
            f"correlation as printed at n = {test_size}.",
            f"√(1 - MSE) = {', '.join(f'{r:.3f}' for r in implied_r)}; 1 - MSE/2 = "
            f"{', '.join(f'{1 - row.mse / 2:.3f}' for row in TABLE_6.values())}; R² = "
            f"{', '.join(f'{1 - row.mse:.2f}' for row in TABLE_6.values())}; p-values of such "
            f"correlations are {max(p_of_r):.0e} and less",
            max(p_of_r),
            None,
            Verdict.CONTRADICTED if looks_like_r and max(p_of_r) < 0.001 else Verdict.AMBIGUOUS,
            "The column is what Pearson's correlation r comes to with such errors where the true "
            "z-scores have unit variance, mislabeled; its own p-values vanish.",
        ),
        stated(
            "promised-metrics",
            "Columns of Table 6.",
            f"Table 6 has {', '.join(TABLE_6_COLUMNS)}",
            None,
            None,
            by_match(any(name in column for column in columns) for name in ("MAE", "RMSE", "CORR")),
            "No mean absolute error is printed, and no column is called a correlation.",
        ),
    ]


def pvalue_of_r(r: float, n: int) -> float:
    """Two-sided p-value of a Pearson correlation r of n pairs, by Student's t with n - 2."""
    t = abs(r) * math.sqrt((n - 2) / (1 - r**2))
    return float(2 * stats.t.sf(t, n - 2))


def _ensemble() -> list[Claim]:
    total = sum(ENSEMBLE_WEIGHTS.values())
    floor = (1 - total) ** 2
    best = min(row.mse for row in TABLE_6.values())
    return [
        stated(
            "ensemble-weights",
            "Sum of the weights.",
            f"{' + '.join(f'{weight:g}' for weight in ENSEMBLE_WEIGHTS.values())} = {total:g}",
            total,
            None,
            Verdict.CONFIRMED if math.isclose(total, 1) else Verdict.AMBIGUOUS,
            "An average has weights that sum to one; whether they were divided by 0.7 is not said.",
        ),
        stated(
            "ensemble-floor",
            "Least MSE that three perfect networks reach with the printed weights, in z.",
            f"(1 - {total:g})² = {floor:.2f} against {best} for ResNet50 alone",
            floor,
            None,
            Verdict.AMBIGUOUS if floor > best else Verdict.NOT_TESTABLE,
            f"Contradicted only if the weights were not divided by their sum of {total:g}: then "
            "even perfect members do worse than the best network of Table 6, which has no row for "
            "the ensemble."
            if floor > best
            else "Arithmetic leaves room for it; only predictions can decide.",
        ),
    ]
