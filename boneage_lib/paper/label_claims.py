"""Claims about the labels: Table 1, resampling and normalizing, tested on RSNA's histogram."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from boneage_lib.data.histogram import load_histogram, table1
from boneage_lib.data.normalization import Ages, normalization_floor, perfect_predictor_floor
from boneage_lib.paper.claim import Claim, Verdict, by_match, rounds_to
from boneage_lib.paper.published import (
    TABLE_1,
    TABLE_6,
    TEXT,
    TITLES,
    limits,
    number,
)
from boneage_lib.paper.statements import stated

DRAWS_PER_CELL = 10  # 200 draws over 20 cells: a resampled test set of the size of the test set
TOLERATED_FLOOR_Z = 0.05  # far below the least RMSE of Table 6; a larger floor colors the results


def rmse_readings(histogram: pd.DataFrame) -> pd.DataFrame:
    """Table 6 in months, under each standard deviation its z-units may mean.

    Returns:
        One row a network and reading: ``network``, ``reading``, ``std_months``, ``rmse_months``.
    """
    readings = {
        "test resampled": Ages.of(histogram, "test").moments(True)[1],
        "train resampled": Ages.of(histogram, "train").moments(True)[1],
        "test as it is": Ages.of(histogram, "test").moments(False)[1],
        "train as it is": Ages.of(histogram, "train").moments(False)[1],
    }
    return pd.DataFrame(
        {
            "network": network,
            "reading": reading,
            "std_months": std,
            "rmse_months": float(np.sqrt(row.mse)) * std,
        }
        for network, row in TABLE_6.items()
        for reading, std in readings.items()
    )


def label_claims(histogram: pd.DataFrame | None = None) -> list[Claim]:
    """Claims that the ages and sexes of RSNA's 14,236 radiographs decide.

    Args:
        histogram: columns split, female, months, count; RSNA's own by default.
    """
    histogram = load_histogram() if histogram is None else histogram
    return [*_table_1(histogram), *_resampling(histogram), *_units(histogram)]


def _table_1(histogram: pd.DataFrame) -> list[Claim]:
    counted = table1(histogram).set_index("split")
    printed_total = int(number("radiographs"))
    total = sum(row.samples for row in TABLE_1.values())
    sizes = {split: int(counted["n"][split]) for split in TABLE_1}
    means = {split: float(counted["mean_months"][split]) for split in TABLE_1}
    shares = {split: float(counted["female_share"][split]) for split in TABLE_1}
    youngest, oldest = float(counted["min"].min()), float(counted["max"].max())
    low, high = limits("age_range")
    share_matches = [rounds_to(shares[s], row.female_share, 2) for s, row in TABLE_1.items()]
    percent_matches = [
        rounds_to(100 * shares[s], row.female_share, 2) for s, row in TABLE_1.items()
    ]
    return [
        stated(
            "table-1-sizes",
            "Add the rows; count RSNA's labels.",
            f"{' + '.join(f'{n:,}' for n in sizes.values())} = {sum(sizes.values()):,}",
            float(sum(sizes.values())),
            None,
            by_match(
                [total == printed_total, *(sizes[s] == row.samples for s, row in TABLE_1.items())]
            ),
            "The printed rows against their printed sum and against the label files.",
        ),
        stated(
            "table-1-ages",
            "Mean of RSNA's labels by split, rounded.",
            ", ".join(f"{split} {mean:.1f}" for split, mean in means.items()),
            means["train"],
            None,
            by_match(rounds_to(means[s], row.mean_months, 0) for s, row in TABLE_1.items()),
            "Means of the label files against the printed whole months.",
        ),
        stated(
            "table-1-female",
            "Share of girls among RSNA's labels by split, rounded.",
            ", ".join(f"{split} {share:.3f}" for split, share in shares.items()),
            shares["train"],
            None,
            by_match(share_matches),
            "Read as fractions of one.",
        ),
        stated(
            "table-1-female-heading",
            "Compare the printed numbers with percentages.",
            ", ".join(f"{split} {100 * share:.1f} %" for split, share in shares.items()),
            100 * shares["train"],
            None,
            by_match(percent_matches),
            "The column holds fractions, not percentages.",
        ),
        stated(
            "age-range",
            "Least and greatest label over all splits.",
            f"{youngest:g} to {oldest:g} months; test alone {counted['min']['test']:g} to "
            f"{counted['max']['test']:g}",
            oldest,
            None,
            by_match([youngest == low, oldest == high]),
            "Holds over the three splits together; the test set alone is narrower.",
        ),
        _similar(histogram),
    ]


def _similar(histogram: pd.DataFrame) -> Claim:
    """Whether validation and test have train's ages and sexes."""
    months, sexes = {}, {}
    for split in TABLE_1:
        rows = histogram[histogram["split"] == split]
        months[split] = np.repeat(rows["months"].to_numpy(float), rows["count"].to_numpy())
        sexes[split] = [int(rows.loc[rows["female"] == f, "count"].sum()) for f in (0, 1)]
    texts, distances, alike = [], [], []
    for split in ("validation", "test"):
        ages = stats.ks_2samp(months["train"], months[split])
        sex = stats.chi2_contingency([sexes["train"], sexes[split]])
        texts.append(
            f"{split} against train: cumulative shares of age differ by up to "
            f"{ages.statistic:.3f} (p {ages.pvalue:.2g}), sex p {sex.pvalue:.2g}"
        )
        distances.append(float(ages.statistic))
        alike.append(min(ages.pvalue, sex.pvalue) >= 0.05)
    return stated(
        "similar-trend",
        "Kolmogorov-Smirnov test of RSNA's ages and χ² test of their sexes, each split against "
        "train.",
        "; ".join(texts),
        max(distances),
        None,
        by_match(alike),
        "A split is similar where neither test finds a difference at 0.05.",
    )


def _resampling(histogram: pd.DataFrame) -> list[Claim]:
    ages = {split: Ages.of(histogram, split) for split in TABLE_1}
    train, test = ages["train"], ages["test"]
    draws = DRAWS_PER_CELL * len(test.cells)
    distinct = test.distinct(DRAWS_PER_CELL)
    occupied = all(len(split.cells) == 20 for split in ages.values())
    uniform = Verdict.CONFIRMED if distinct > 0.9 * draws else Verdict.APPROXIMATELY
    both = perfect_predictor_floor(train, test, (True, True))
    colored = both > TOLERATED_FLOOR_Z
    floors = normalization_floor(histogram).query("normalization == 'own' and train_resampled")
    alike, apart = floors.query("split_resampled"), floors.query("not split_resampled")
    stds = [train.moments(resampled)[1] for resampled in (False, True)]
    shrink = (stds[0] / stds[1]) ** 2
    return [
        stated(
            "resampled-test-set",
            f"Expected different radiographs among {DRAWS_PER_CELL} draws from each of 10 age "
            "bins × 2 sexes of the test set.",
            f"{distinct:.0f} different radiographs in {draws} draws; cells hold "
            f"{test.cells.min():.0f} to {test.cells.max():.0f}",
            distinct,
            None,
            uniform if occupied else Verdict.CONTRADICTED,
            "Every cell is occupied, so uniform draws exist, but a resampled test set repeats its "
            "rare radiographs: the score on the test set as it is comes first here."
            if occupied
            else "Some cells hold nobody, so that no draw is uniform.",
        ),
        stated(
            "resampling-changes-unit",
            "Variance of the training ages before resampling and after, the unit of a z-loss.",
            f"standard deviation {stds[0]:.1f} months before, {stds[1]:.1f} after; the same errors "
            f"in months give {shrink:.2f} of the loss",
            shrink,
            None,
            Verdict.AMBIGUOUS if shrink < 0.9 else Verdict.CONFIRMED,
            "The loss falls by the change of unit alone, whatever the network has learned: only "
            "errors in months can show an improvement.",
        ),
        stated(
            "normalized-apart",
            "RMSE of a perfect predictor whose train and test ages are normalized each alone.",
            f"with both resampled {_range(alike['rmse_z'])} z ({_range(alike['rmse_months'], 1)} "
            f"months); with train resampled and the other not {_range(apart['rmse_z'])} z "
            f"({_range(apart['rmse_months'], 1)} months)",
            both,
            (float(alike["rmse_z"].min()), float(alike["rmse_z"].max())),
            Verdict.AMBIGUOUS if colored else Verdict.CONFIRMED,
            "Whether each set is normalized by itself is not said; if so, even a perfect network "
            "has an error. Here the training split's mean and standard deviation serve all."
            if colored
            else "Normalizing each set by itself costs next to nothing.",
        ),
    ]


def _range(values: pd.Series, decimals: int = 2) -> str:
    """Least to greatest, in words."""
    return f"{values.min():.{decimals}f} to {values.max():.{decimals}f}"


def _units(histogram: pd.DataFrame) -> list[Claim]:
    readings = rmse_readings(histogram)
    by_network = readings.groupby("network")["rmse_months"]
    least, most = by_network.min(), by_network.max()
    ratio = float((most / least).max())
    in_months = "; ".join(
        f"{TITLES[network]} {least[network]:.1f} to {most[network]:.1f}" for network in TABLE_6
    )
    # A normal error has a mean absolute error of √(2/π) times its root mean square.
    mildest = float(least["inception_v3"] * np.sqrt(2 / np.pi))
    winners = limits("winners_mad")
    return [
        stated(
            "table-6-months",
            "RMSE times the standard deviation of train or test, resampled or not.",
            f"RMSE in months: {in_months}; the challenge's best five have a mean absolute error of "
            f"{winners[0]} to {winners[1]}",
            float(least["resnet50_patches"]),
            (
                float(least["resnet50_patches"]),
                float(most["resnet50_patches"]),
            ),
            Verdict.AMBIGUOUS if ratio > 1.1 else Verdict.CONFIRMED,
            f"The readings differ by a factor of {ratio:.2f}, and the text does not choose.",
        ),
        stated(
            "replication-of-winner",
            "Mean absolute error that the printed MSE implies under the mildest reading, if errors "
            "are normal, against the winners' 4.2 to 4.5 months.",
            f"{mildest:.1f} months against {winners[0]} to {winners[1]}",
            mildest,
            None,
            Verdict.CONFIRMED if mildest <= winners[1] else Verdict.CONTRADICTED,
            f"{TEXT['winners_mad'].place} quotes {winners[0]} to {winners[1]} months for the "
            f"winners; the printed error is {mildest / winners[1]:.1f} times the upper of them.",
        ),
    ]
