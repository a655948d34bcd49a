"""An evaluation as text: every score in words, aligned, with its interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

Scores = Mapping[str, Any]
Form = Callable[[float], str]


def _months(value: float) -> str:
    return f"{value:.2f}"


def _signed(value: float) -> str:
    return f"{value:+.2f}"


def _share(value: float) -> str:
    return f"{100 * value:.1f}%"


def _coefficient(value: float) -> str:
    return f"{value:.3f}"


def _signed_coefficient(value: float) -> str:
    return f"{value:+.3f}"


def _p_value(value: float) -> str:
    return f"{value:.2g}" if value > 0 else "< 1e-300"


#: Sections of the text: what each score is called, its key, and how it is written.
_SECTIONS: dict[str, list[tuple[str, str, Form]]] = {
    "Absolute error (months)": [
        ("mean", "mae_months", _months),
        ("root mean square", "rmse_months", _months),
        ("median", "median_abs_error_months", _months),
        ("90th percentile", "abs_error_p90_months", _months),
        ("95th percentile", "abs_error_p95_months", _months),
        ("within 6 months", "within_6_months", _share),
        ("within 12 months", "within_12_months", _share),
        ("within 24 months", "within_24_months", _share),
    ],
    "In z-units, months / standard deviation of age": [
        ("standard deviation of age (months)", "std_months", _months),
        ("mean absolute error", "mae_z", _coefficient),
        ("mean squared error", "mse_z", _coefficient),
        ("root mean square error", "rmse_z", _coefficient),
    ],
    "Error, predicted minus reference (months)": [
        ("bias, the mean", "bias_months", _signed),
        ("standard deviation", "sd_error_months", _months),
        ("lower limit of agreement", "loa_low_months", _signed),
        ("upper limit of agreement", "loa_high_months", _signed),
        ("slope on age, a month", "error_slope", _signed_coefficient),
    ],
    "Correlation and agreement": [
        ("Pearson's r", "pearson_r", _coefficient),
        ("R², coefficient of determination", "r2", _coefficient),
        ("Lin's concordance", "lin_ccc", _coefficient),
        ("ICC(2,1)", "icc_2_1", _coefficient),
    ],
    "P-values": [
        ("no correlation", "pearson_r_p", _p_value),
        ("equal means (paired t)", "t_test_p", _p_value),
        ("equal distributions (KS)", "ks_test_p", _p_value),
    ],
}
_METHODS = (
    "Intervals: BCa bootstrap of errors, bias, R² and concordance, by sex where known; order\n"
    "statistics of quantiles; Wilson's of shares; Student's t of limits and slope; Fisher's of r;\n"
    "F of ICC. Those of fewer than ten radiographs are too narrow. A slope on age below zero\n"
    "draws predictions to the mean."
)


def summary(
    name: str,
    scores: Scores,
    groups: Sequence[Scores] = (),
    calibrated: pd.DataFrame | None = None,
) -> str:
    """An evaluation as text.

    Args:
        name: what was evaluated, for the first line.
        scores: what `evaluate` gives.
        groups: what `evaluate_by_group` gives.
        calibrated: what `calibration` gives.
    """
    confidence = f"{100 * scores['confidence']:g}%"
    counted = f"{scores['n']:,} radiograph{'s' if scores['n'] > 1 else ''}"
    parts = [f"{name}: {counted}; {confidence} intervals in parentheses"]
    if scores["notes"]:
        parts.append("\n".join(f"Note: {note}" for note in scores["notes"]))
    for title, rows in _SECTIONS.items():
        written = [
            [label, *_score(scores, key, form)] for label, key, form in rows if key in scores
        ]
        if written:
            parts.append(f"{title}\n{_aligned(written, left=(0, 2), widths=(34, 10))}")
    parts += _groups(groups)
    if calibrated is not None:
        parts.append(f"Mean prediction by reference age (months)\n{_calibration(calibrated)}")
    return "\n\n".join([*parts, _METHODS])


def _score(scores: Scores, key: str, form: Form) -> list[str]:
    """A score and its interval, in words where there is none."""
    if scores[key] is None:
        return ["undefined", ""]
    interval = scores.get(f"{key}_ci")
    limits = "" if interval is None else f"({form(interval[0])} to {form(interval[1])})"
    return [form(scores[key]), limits]


def _groups(groups: Sequence[Scores]) -> list[str]:
    """A table for what groups are by, all under the same columns."""
    header = ["", "n", "mean absolute error", "", "bias", "", "RMSE", "within 12 months"]
    rows = [header, *map(_group_row, groups)]
    header_line, *lines = _aligned(rows, left=(0, 3, 5), widths=(28,)).split("\n")
    tables: dict[str, list[str]] = {}
    for group, line in zip(groups, lines, strict=True):
        tables.setdefault(group["by"], [f"By {group['by']} (months)", header_line]).append(line)
    return ["\n".join(table) for table in tables.values()]


def _group_row(group: Scores) -> list[str]:
    return [
        group["group"].removesuffix(" months"),
        f"{group['n']:,}",
        *_score(group, "mae_months", _months),
        *_score(group, "bias_months", _signed),
        _months(group["rmse_months"]),
        _share(group["within_12_months"]),
    ]


def _calibration(calibrated: pd.DataFrame) -> str:
    rows = [["", "n", "reference", "predicted", "", "difference"]]
    for band in calibrated.to_dict("records"):
        known = band["n"] > 1
        limits = f"({band['predicted_low']:.1f} to {band['predicted_high']:.1f})" if known else ""
        rows.append(
            [
                f"{band['low_months']:g} to {band['high_months']:g}",
                f"{band['n']:,}",
                f"{band['reference_months']:.1f}",
                f"{band['predicted_months']:.1f}",
                limits,
                f"{band['bias_months']:+.1f}",
            ]
        )
    return _aligned(rows, left=(0, 4), widths=(28,))


def _aligned(rows: Sequence[Sequence[str]], left: Sequence[int], widths: Sequence[int] = ()) -> str:
    """Rows of cells in columns: those named to the left, the others to the right.

    Args:
        rows: cells, the same number in each row.
        left: numbers of the columns set to the left.
        widths: least widths of the first columns, characters.
    """
    columns = list(zip(*rows, strict=True))
    width = [max(map(len, column)) for column in columns]
    width[: len(widths)] = [max(pair) for pair in zip(width, widths, strict=False)]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(size) if number in left else cell.rjust(size)
            for number, (cell, size) in enumerate(zip(row, width, strict=True))
        ]
        lines.append(("  " + "  ".join(cells)).rstrip())
    return "\n".join(lines)
