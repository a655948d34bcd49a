"""Stratified, seeded division into train, validation and test."""

from __future__ import annotations

import numpy as np
import pandas as pd

from boneage_lib.data.cohort import SPLITS
from boneage_lib.data.resampling import age_bins
from boneage_lib.errors import InputError

FRACTIONS = (0.7, 0.1, 0.2)


def check_shares(validation: float, test: float) -> None:
    """Raise InputError unless all three splits get some of the radiographs."""
    if not (validation > 0 and test > 0 and validation + test < 1):
        raise InputError(
            f"Found validation_share={validation} and test_share={test}; expected two shares above "
            "0 that leave some for training."
        )


def stratified_split(
    labels: pd.DataFrame,
    seed: int = 0,
    fractions: tuple[float, float, float] = FRACTIONS,
) -> np.ndarray:
    """Divide radiographs into train, validation and test, every age band and sex alike.

    Each stratum (one of ten equal-width age bins × sex) gives each split its share, rounded up or
    down; where the remainders go is decided so that the totals stay closest to the fractions. Only
    in a cohort of a few dozen may one radiograph change sides, so that no split is empty. The
    result depends on ids, ages, sexes and seed, never on the order of the rows.

    Args:
        labels: columns ``id``, ``female`` and ``boneage_months``, n rows in any order.
        seed: seed of the draw within each stratum.
        fractions: shares of train, validation and test; they add up to 1, and a share of 0 leaves
            that split out.

    Returns:
        (n,) split names, row by row of ``labels``.

    Raises:
        InputError: shares that are negative or do not add up to 1, or fewer rows than splits.
    """
    share = np.asarray(fractions, dtype=float)
    if share.shape != (3,) or (share < 0).any() or not np.isclose(share.sum(), 1):
        raise InputError(f"Found fractions={fractions}; expected three shares that add up to 1.")
    wanted = np.flatnonzero(share)
    if len(labels) < len(wanted):
        raise InputError(
            f"Found {len(labels)} labeled radiographs; expected at least {len(wanted)}, one for "
            "each split."
        )
    order = np.argsort(labels["id"].to_numpy(), kind="stable")
    ages = labels["boneage_months"].to_numpy()[order]
    stratum = 2 * age_bins(ages) + labels["female"].to_numpy()[order]
    rng = np.random.default_rng(seed)
    split = np.empty(len(labels), dtype=int)  # by ascending id
    owed = np.zeros(3)  # what each split has received too little so far, over all strata
    for number in np.unique(stratum):
        members = rng.permutation(np.flatnonzero(stratum == number))
        quota = len(members) * share
        counts = np.floor(quota + 1e-9).astype(int)
        owed += quota - counts
        # A whole quota takes no remainder, which keeps every count within one of its quota.
        may_round_up = np.where(quota - counts > 1e-9, owed, -np.inf)
        for receiver in np.argsort(-may_round_up, kind="stable")[: len(members) - counts.sum()]:
            counts[receiver] += 1
            owed[receiver] -= 1
        split[members] = np.repeat(np.arange(3), counts)
    for empty in np.setdiff1d(wanted, split):
        largest = np.flatnonzero(split == np.bincount(split, minlength=3).argmax())
        split[rng.choice(largest)] = empty
    names = np.empty(len(labels), dtype=object)
    names[order] = np.asarray(SPLITS, dtype=object)[split]
    return names
