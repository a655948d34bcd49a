"""The ages and sexes of RSNA 2017: counts by month, without a single radiograph or id."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtrit  # as `scipy.stats.t.ppf`, which takes long to load

from boneage_lib.data.cohort import COLUMNS, SPLITS
from boneage_lib.errors import InputError

#: Of train, validation and test in a synthetic cohort.
SHARES = (0.6, 0.15, 0.25)


def load_histogram() -> pd.DataFrame:
    """How many radiographs of the RSNA Pediatric Bone Age Challenge 2017 have which age and sex.

    Counted from the label files of all 14,236 radiographs (Halabi et al., Radiology 2019;
    290:498-503, doi 10.1148/radiol.2018180736). The test set's consensus ages are fractional; they
    are rounded to the nearest month here, which moves their mean by less than 0.1 months.

    Returns:
        A table, one row a split, sex and month that occurs: ``split`` (train, validation or test),
        ``female`` (0 or 1), ``months`` (int) and ``count`` (int, above 0), in that order.
    """
    with files("boneage_lib.data").joinpath("rsna_histogram.csv").open() as file:
        return pd.read_csv(file)


def table1(histogram: pd.DataFrame) -> pd.DataFrame:
    """The paper's table 1 from a histogram: size, sex and age of every split.

    Args:
        histogram: columns ``split``, ``female``, ``months`` and ``count``, as `load_histogram`
            gives it.

    Returns:
        One row a split, in the order train, validation, test: ``split``, ``n``, ``female_share``
        (0 to 1), ``mean_months``, ``std_months`` (ddof=1), ``min`` and ``max`` (months).
    """
    rows = []
    for split in [name for name in SPLITS if name in set(histogram["split"])]:
        part = histogram[histogram["split"] == split]
        months = np.repeat(part["months"].to_numpy(), part["count"].to_numpy())
        female = np.repeat(part["female"].to_numpy(), part["count"].to_numpy())
        rows.append(
            {
                "split": split,
                "n": len(months),
                "female_share": female.mean(),
                "mean_months": months.mean(),
                "std_months": months.std(ddof=1),
                "min": months.min(),
                "max": months.max(),
            }
        )
    return pd.DataFrame(rows)


def age_by_sex(histogram: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Bone age of girls and boys in every split, with intervals of the means and their difference.

    The means have Student's intervals and their difference Welch's: how far they could be off if
    the radiographs were a random draw from all children who might have been radiographed. Errors
    of the readers are not in them. The same as counted from the labels one by one.

    Args:
        histogram: columns ``split``, ``female``, ``months`` and ``count``, as `load_histogram`
            gives it.
        confidence: coverage aimed at, between 0 and 1.

    Returns:
        Three rows a split, ``sex`` female, male and "female - male": ``split``, ``sex``, ``n``,
        ``mean_months``, ``low_months``, ``high_months``, ``median_months``, and the quartiles
        ``q25_months`` and ``q75_months``; the last three are missing for a difference, the
        interval where a sex has fewer than two radiographs.

    Raises:
        InputError: a confidence that is not between 0 and 1.
    """
    if not 0 < confidence < 1:
        raise InputError(f"Found confidence={confidence}; expected a number between 0 and 1.")
    level, rows = (1 + confidence) / 2, []
    for split in [name for name in SPLITS if name in set(histogram["split"])]:
        part = histogram[histogram["split"] == split]
        ages = {
            sex: np.repeat(of_sex["months"].to_numpy(float), of_sex["count"].to_numpy())
            for female, sex in ((1, "female"), (0, "male"))
            if len(of_sex := part[part["female"] == female])
        }
        error = {sex: _squared_error(months) for sex, months in ages.items()}
        for sex, months in ages.items():
            half = stdtrit(max(len(months) - 1, 1), level) * np.sqrt(error[sex])
            q25, median, q75 = np.quantile(months, [0.25, 0.5, 0.75])
            rows.append(
                _mean_row(split, sex, len(months), months.mean(), half)
                | {"median_months": median, "q25_months": q25, "q75_months": q75}
            )
        if len(ages) == 2:
            both = sum(error.values())
            freedom = both**2 / sum(error[sex] ** 2 / max(len(ages[sex]) - 1, 1) for sex in ages)
            difference = ages["female"].mean() - ages["male"].mean()
            half = stdtrit(freedom, level) * np.sqrt(both)
            count = sum(len(months) for months in ages.values())
            rows.append(_mean_row(split, "female - male", count, difference, half))
    return pd.DataFrame(rows)


def _squared_error(months: np.ndarray) -> float:
    """Squared standard error of a mean; not a number for fewer than two values."""
    return float(months.var(ddof=1) / len(months)) if len(months) > 1 else float("nan")


def _mean_row(split: str, sex: str, n: int, mean: float, half: float) -> dict[str, Any]:
    return {
        "split": split,
        "sex": sex,
        "n": n,
        "mean_months": mean,
        "low_months": mean - half,
        "high_months": mean + half,
    }


def draw_labels(
    n: int, seed: int = 0, fractions: tuple[float, float, float] = SHARES
) -> pd.DataFrame:
    """Draw the labels of a synthetic cohort from RSNA's histogram.

    Every split draws sex and age from the histogram of the split of the same name, with
    replacement, so that a large synthetic cohort has RSNA's table 1.

    Args:
        n: number of labels, 3 or more.
        seed: the same seed gives the same labels.
        fractions: shares of train, validation and test, each above 0, adding up to 1. Every split
            gets at least one label.

    Returns:
        A table of ``n`` rows: ``id`` (1 to n, shuffled over the splits), ``split``, ``female``
        (0 or 1) and ``boneage_months`` (float, whole months), sorted by id.

    Raises:
        InputError: ``n`` below 3, or fractions that are not three positive shares of 1.
    """
    if n < len(SPLITS):
        raise InputError(f"Found n={n}; expected 3 or more, one label a split. Draw more labels.")
    if len(fractions) != 3 or min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-9:
        raise InputError(
            f"Found fractions={fractions}; expected three shares above 0 that add up to 1, for "
            f"train, validation and test. Change them, for example to {SHARES}."
        )
    rng = np.random.default_rng(seed)
    sizes = [max(1, round(n * fraction)) for fraction in fractions[1:]]
    sizes = [n - sum(sizes), *sizes]
    if sizes[0] < 1:
        sizes = [1, *sizes[1:]]
        sizes[int(np.argmax(sizes))] -= sum(sizes) - n
    histogram = load_histogram()
    parts = []
    for split, size in zip(SPLITS, sizes, strict=True):
        part = histogram[histogram["split"] == split]
        weights = part["count"].to_numpy(dtype=float)
        drawn = part.iloc[rng.choice(len(part), size=size, p=weights / weights.sum())]
        parts.append(drawn[["split", "female", "months"]])
    labels = pd.concat(parts, ignore_index=True).rename(columns={"months": "boneage_months"})
    labels["boneage_months"] = labels["boneage_months"].astype(float)
    labels["id"] = rng.permutation(n) + 1
    return labels.sort_values("id", ignore_index=True)[COLUMNS]
