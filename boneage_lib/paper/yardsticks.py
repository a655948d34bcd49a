"""What other systems and human readers reach, by the radiographs they were tested on.

Errors on one set of radiographs say nothing about those on another: RSNA's test set carries a
consensus of six readings, its validation set single clinical ones. So no table here mixes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd

from boneage_lib.data.histogram import load_histogram
from boneage_lib.paper.published import TABLE_1

MONTHS_A_YEAR = 12
#: What a set is called in print.
TEST_SETS = {
    "rsna-test": "RSNA's test set of the challenge: 200 radiographs, a consensus of six readings",
    "rsna-validation": "RSNA's validation set: 1,425 radiographs, single clinical readings",
    "larson": "examinations of Larson et al.: clinical readings and three reviewers",
}
KINDS = {"system": "system", "readers": "human readers", "guess": "guess without a radiograph"}
#: What `yardsticks` marks as not yet looked up in its source.
REMEMBERED = "remembered, to be checked"


def by_training_size() -> dict[int, float]:
    """Root mean square errors that Larson et al. (2018) printed, months, by training radiographs.

    On examinations of their own: a curve to compare shapes with, not errors.
    """
    rows = yardsticks()
    own = rows[(rows["test_set"] == "larson") & rows["system"].str.contains("training radiographs")]
    sizes = own["system"].str.extract(r"([\d,]+) training")[0].str.replace(",", "")
    return dict(sorted(zip(sizes.astype(int).tolist(), own["low_months"].tolist(), strict=True)))


def yardsticks() -> pd.DataFrame:
    """Published errors and those of guessing, one row each.

    Returns:
        ``test_set`` (a key of `TEST_SETS`), ``system``, ``kind`` (a key of `KINDS`), ``measure``
        (MAE, RMSE or RMS difference), ``low_months`` and ``high_months`` (equal for one number),
        ``n`` (radiographs, missing where the source was not read for it), ``source`` (a key of the
        book's bibliography, empty where computed here), ``origin`` (printed, remembered, or
        computed) and ``words`` (the error as it was printed, with years in months beside them).
    """
    with files("boneage_lib.paper").joinpath("yardsticks.csv").open(encoding="utf-8") as file:
        printed = pd.read_csv(file, dtype={"low": str, "high": str, "n": "Int64"})
    rows = []
    for row in printed.to_dict("records"):
        words = row["low"] if row["low"] == row["high"] else f"{row['low']} to {row['high']}"
        factor = MONTHS_A_YEAR if row["unit"] == "years" else 1
        low, high = (factor * float(row[end]) for end in ("low", "high"))
        if row["unit"] == "years":
            words += f" years ({low:.1f} months)"
        rows.append({**row, "low_months": low, "high_months": high, "words": words})
    for system, error in guess_errors(load_histogram()).items():
        rows.append(
            {
                "test_set": "rsna-test",
                "system": system,
                "kind": "guess",
                "measure": "MAE",
                "low_months": error,
                "high_months": error,
                "n": TABLE_1["test"].samples,
                "source": "",
                "origin": "computed",
                "words": f"{error:.1f}",
            }
        )
    columns = ("test_set", "system", "kind", "measure", "low_months", "high_months", "n")
    return pd.DataFrame(rows)[[*columns, "source", "origin", "words"]]


def guess_errors(histogram: pd.DataFrame) -> dict[str, float]:
    """Mean absolute error on test (months) of mean training ages, for everyone and by sex."""

    def mean(rows: pd.DataFrame) -> float:
        return float(np.average(rows["months"], weights=rows["count"]))

    train, test = (histogram[histogram["split"] == split] for split in ("train", "test"))
    one = np.abs(test["months"] - mean(train))
    of_sex = {sex: mean(rows) for sex, rows in train.groupby("female")}
    by_sex = np.abs(test["months"] - test["female"].map(of_sex))
    return {
        "the mean training age for everyone": float(np.average(one, weights=test["count"])),
        "the mean training age of the child's sex": float(
            np.average(by_sex, weights=test["count"])
        ),
    }


def yardstick_table(test_set: str) -> str:
    """The rows of one test set as a table in the book's Markdown, best first."""
    rows = yardsticks().query("test_set == @test_set").sort_values("low_months", kind="stable")
    lines = ["| who | kind | measure | error (months) | source |", "|---|---|---|---|---|"]
    for row in rows.to_dict("records"):
        source = f"{{cite:t}}`{row['source']}`" if row["source"] else "computed from RSNA's labels"
        if row["origin"] == "remembered":
            source += f" ({REMEMBERED})"
        cells = (row["system"], KINDS[row["kind"]], row["measure"], row["words"], source)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def reference_errors(data: Mapping[str, Any]) -> dict[str, float | tuple[float, float]]:
    """Reference lines for a figure of errors on RSNA's own test set; none for any other run.

    Args:
        data: what a run was measured on, see `boneage_lib.report.results.describe_data`.

    Returns:
        Errors in months by label, as `boneage_lib.report.figures.errors_bar` takes them.
    """
    official = data.get("cohort_kind") == "rsna" and data.get("split_origin") == "official"
    if not official or data.get("n_test") != TABLE_1["test"].samples:
        return {}
    table = yardsticks().query("test_set == 'rsna-test'").set_index("system")
    found: dict[str, float | tuple[float, float]] = {}
    for system in (
        "the five best entries of the challenge",
        "each of six reviewers against the mean of all six",
    ):
        row = table.loc[system]
        found[system] = (float(row["low_months"]), float(row["high_months"]))
    return found
