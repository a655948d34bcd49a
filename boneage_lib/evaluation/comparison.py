"""Is one network better than another, or better than no network at all?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from boneage_lib.errors import InputError
from boneage_lib.evaluation.few_values import student_interval
from boneage_lib.evaluation.intervals import bootstrap_interval
from boneage_lib.evaluation.predictions import align, strata_of, validate_predictions

PERMUTATIONS = 9_999
#: Radiographs above which the sum of so many random signs is normal.
MANY = 500


def paired_difference(
    table_a: pd.DataFrame, table_b: pd.DataFrame, seed: int = 0, confidence: float = 0.95
) -> dict[str, Any]:
    """Difference in mean absolute error between two networks on the same radiographs.

    Both predict every radiograph, so the difference is taken radiograph by radiograph: a paired
    interval is narrower than that of two unrelated scores, because a radiograph that is hard for
    one network is mostly hard for the other.

    Args:
        table_a: predictions of one network; rows are matched on ``id``.
        table_b: predictions of the other.
        seed: seed of the bootstrap and of the permutations.
        confidence: coverage of the interval, between 0 and 1.

    Returns:
        Plain numbers: ``n``, ``mae_a_months``, ``mae_b_months``, ``difference_months`` (a minus b:
        negative says that a is better) with ``difference_months_ci`` ([low, high], BCa bootstrap,
        by sex where known, None for one radiograph), ``wilcoxon_p`` (signed ranks of the absolute
        errors) and ``permutation_p`` (see `permutation_p`), both 1 where the networks never differ,
        ``confidence`` and ``seed``.

    Raises:
        InputError: a bad table, ids that do not match, or reference ages that disagree.
    """
    aligned = align({"table a": table_a, "table b": table_b})
    errors_a, errors_b = (
        (table["predicted_months"] - table["boneage_months"]).abs().to_numpy()
        for table in aligned.values()
    )
    difference = errors_a - errors_b
    ci = bootstrap_interval(
        difference, seed=seed, confidence=confidence, strata=strata_of(aligned["table a"])
    )
    differs = bool(np.any(difference != 0))
    return {
        "n": len(difference),
        "mae_a_months": float(errors_a.mean()),
        "mae_b_months": float(errors_b.mean()),
        "difference_months": float(difference.mean()),
        "difference_months_ci": None if ci is None else list(ci),
        "wilcoxon_p": float(stats.wilcoxon(errors_a, errors_b).pvalue) if differs else 1.0,
        "permutation_p": permutation_p(difference, seed),
        "confidence": confidence,
        "seed": seed,
    }


def further_apart(tables: Mapping[str, pd.DataFrame], name: str) -> dict[str, Any]:
    """Whether one network's predictions lie further from the others' than theirs from each other.

    Args:
        tables: predictions of three networks or more of the same radiographs, by name.
        name: of the network that may deviate.

    Returns:
        Plain numbers in months: ``apart_months``, the mean absolute difference of its predictions
        to the others'; ``others_months``, the same among the others; ``difference_months``, the
        first less the second, with ``difference_months_ci`` ([low, high], BCa bootstrap over
        radiographs, 95 %, None for one radiograph).

    Raises:
        InputError: a bad table, or ids that do not match.
    """
    aligned = align(tables)
    answers = {key: table["predicted_months"].to_numpy() for key, table in aligned.items()}
    own = answers.pop(name)
    apart = np.mean([np.abs(own - other) for other in answers.values()], axis=0)
    pairs = combinations(answers.values(), 2)
    among = np.mean([np.abs(a - b) for a, b in pairs], axis=0)
    ci = bootstrap_interval(apart - among, strata=strata_of(aligned[name]))
    return {
        "apart_months": float(apart.mean()),
        "others_months": float(among.mean()),
        "difference_months": float((apart - among).mean()),
        "difference_months_ci": None if ci is None else list(ci),
    }


def paired_over_seeds(errors: np.ndarray, others: np.ndarray) -> dict[str, Any]:
    """Difference in mean absolute error between two ways to train, each with the same seeds.

    Two things could have come out otherwise: which seeds, and which radiographs. The difference has
    Student's interval over seeds, paired by seed, and a BCa bootstrap interval over radiographs,
    paired by radiograph, of errors averaged over seeds.

    Args:
        errors: (seeds, radiographs) absolute errors of one way, months.
        others: those of the other, of the same seeds and radiographs.

    Returns:
        ``difference_months``, the first's less the other's; ``over_seeds`` (None with one seed) and
        ``over_radiographs`` (None for one radiograph), both [low, high]; and ``interval``, from
        the lower of their lower limits to the higher of their upper ones, None where one is.

    Raises:
        InputError: shapes that differ.
    """
    if errors.shape != others.shape:
        raise InputError(
            f"Found errors of {errors.shape} and {others.shape} seeds and radiographs; expected "
            "the same of both."
        )
    difference = errors - others
    by_seed = difference.mean(axis=1).tolist()
    over_seeds = student_interval(by_seed)
    over_radiographs = bootstrap_interval(difference.mean(axis=0))
    interval = None
    if over_seeds is not None and over_radiographs is not None:
        lows, highs = zip(over_seeds, over_radiographs, strict=True)
        interval = [float(min(lows)), float(max(highs))]
    return {
        "difference_months": float(np.mean(by_seed)),
        "over_seeds": over_seeds,
        "over_radiographs": None if over_radiographs is None else list(over_radiographs),
        "interval": interval,
    }


def permutation_p(difference: np.ndarray, seed: int = 0) -> float:
    """Two-sided p-value of a mean difference: would random signs give one as far from zero?

    Were two networks alike, either could have made either error of a radiograph, and each
    difference could as well have had the other sign. All signs are tried where there are at most
    9,999 ways to set them, else 9,999 at random (Fisher, "The design of experiments", 1935, section
    21). Above 500 radiographs the sum of random signs is taken to be normal, which it then is.

    Args:
        difference: (n,) difference in absolute error a radiograph, months.
        seed: seed of the signs.

    Returns:
        0 to 1; 1 where no difference is other than zero.
    """
    difference = np.asarray(difference, dtype=float)
    if not np.any(difference):
        return 1.0
    if len(difference) > MANY:
        sigmas = abs(difference.sum()) / np.sqrt(np.sum(difference**2))
        return float(2 * stats.norm.sf(sigmas))
    tested = stats.permutation_test(
        (difference,),
        lambda values, axis: values.mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=PERMUTATIONS,
        rng=np.random.default_rng(seed),
    )
    return float(tested.pvalue)


def compare_all(
    tables: Mapping[str, pd.DataFrame], seed: int = 0, confidence: float = 0.95
) -> pd.DataFrame:
    """`paired_difference` of every pair of networks, with Holm's correction over the pairs.

    Args:
        tables: prediction tables of the same radiographs by network, two or more.
        seed: seed of the bootstraps.
        confidence: coverage of each interval; intervals are not corrected, p-values are.

    Returns:
        One row a pair: ``a``, ``b``, what `paired_difference` gives, ``wilcoxon_p_holm`` and
        ``permutation_p_holm``.

    Raises:
        InputError: fewer than two tables, or tables that do not match.
    """
    if len(tables) < 2:
        raise InputError(f"Found {len(tables)} prediction tables; expected two or more to compare.")
    records = [
        {"a": a, "b": b, **paired_difference(tables[a], tables[b], seed, confidence)}
        for a, b in combinations(tables, 2)
    ]
    pairs = pd.DataFrame(records)
    for test in ("wilcoxon_p", "permutation_p"):
        pairs[f"{test}_holm"] = holm(pairs[test].tolist())
    return pairs


def holm(pvalues: Sequence[float]) -> list[float]:
    """P-values corrected for their number by Holm's step-down method, in the order given.

    Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Statist. 6 (1979).

    Raises:
        InputError: a value outside 0 to 1.
    """
    p = np.asarray(pvalues, dtype=float)
    if not np.all((p >= 0) & (p <= 1)):
        raise InputError(f"Found p-values {list(pvalues)}; expected numbers from 0 to 1.")
    if len(p) == 0:
        return []
    # Imported here, as it takes longer to load than all else that evaluation needs.
    from statsmodels.stats.multitest import multipletests

    return [float(value) for value in multipletests(p, method="holm")[1]]


def constant_guess(train_months: np.ndarray, test_table: pd.DataFrame) -> pd.DataFrame:
    """Predictions of a guesser who saw no image: the median training age for everyone.

    The median is the constant with the least absolute error on the set it is taken from; any
    network has to beat it before it has learned anything from pixels.

    Args:
        train_months: (n,) bone ages of the training split, months.
        test_table: a prediction table; its ``predicted_months`` are replaced, if there.

    Raises:
        InputError: no training ages, or a bad table.
    """
    ages = np.asarray(train_months, dtype=float)
    if ages.size == 0 or not np.isfinite(ages).all():
        raise InputError(f"Found {ages.size} training ages; expected one or more finite numbers.")
    return validate_predictions(test_table.assign(predicted_months=float(np.median(ages))))


def error_correlation(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Pearson correlation between the signed errors of networks on the same radiographs.

    Averaging helps as far as errors differ: members whose errors correlate near 1 are one network
    to an ensemble.

    Returns:
        Symmetric table with the networks as rows and columns, 1 on its diagonal; missing where the
        errors of a network never vary.

    Raises:
        InputError: no table, or tables that do not match.
    """
    errors = {
        name: (table["predicted_months"] - table["boneage_months"]).to_numpy()
        for name, table in align(tables).items()
    }
    return pd.DataFrame(errors).corr()
