"""Comparisons between networks: by hand, against SciPy, and in simulation."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pingouin
import pytest
from scipy import stats

from boneage_lib.errors import InputError
from boneage_lib.evaluation import (
    bootstrap_interval,
    compare_all,
    constant_guess,
    error_correlation,
    evaluate,
    further_apart,
    holm,
    paired_difference,
    paired_over_seeds,
    permutation_p,
)


def table(errors: np.ndarray | list[float], start: int = 0) -> pd.DataFrame:
    truth = np.linspace(20, 200, len(errors))
    return pd.DataFrame(
        {
            "id": np.arange(len(errors)) + start,
            "boneage_months": truth,
            "predicted_months": truth + np.asarray(errors),
        }
    )


def test_difference_by_hand() -> None:
    found = paired_difference(table([1, -2, 3, -4]), table([2, 2, 2, 2]))
    assert (found["mae_a_months"], found["mae_b_months"]) == (2.5, 2.0)
    assert found["difference_months"] == 0.5
    assert found["n"] == 4


def test_how_far_one_network_deviates_by_hand() -> None:
    tables = {"a": table([0, 0, 0]), "b": table([2, 2, 2]), "odd": table([-1, -1, 5])}
    found = further_apart(tables, "odd")
    assert found["apart_months"] == pytest.approx((2 + 2 + 4) / 3)  # means of 1 and 3, of 5 and 3
    assert found["others_months"] == 2
    assert found["difference_months"] == pytest.approx(2 / 3)
    low, high = found["difference_months_ci"]
    assert low <= 2 / 3 <= high
    assert further_apart(tables, "a")["difference_months"] < 0


def test_difference_over_seeds_by_hand() -> None:
    errors = np.array([[1.0, 4.0, 2.0, 7.0], [3.0, 2.0, 4.0, 5.0], [2.0, 3.0, 3.0, 8.0]])
    others = np.array([[2.0, 3.0, 2.0, 6.0], [2.0, 2.0, 3.0, 4.0], [2.0, 1.0, 4.0, 8.0]])
    found = paired_over_seeds(errors, others)
    by_seed = np.array([0.25, 0.75, 0.25])
    assert found["difference_months"] == pytest.approx(by_seed.mean())
    t = stats.t.interval(0.95, 2, by_seed.mean(), stats.sem(by_seed))
    assert found["over_seeds"] == pytest.approx(list(t))
    of_radiographs = bootstrap_interval(np.array([0.0, 3.0, 0.0, 2.0]) / 3)
    assert found["over_radiographs"] == pytest.approx(list(of_radiographs or ()))
    assert found["interval"] == [
        min(found["over_seeds"][0], found["over_radiographs"][0]),
        max(found["over_seeds"][1], found["over_radiographs"][1]),
    ]


def test_one_seed_or_one_radiograph_gives_no_whole_interval() -> None:
    one_seed = paired_over_seeds(np.array([[1.0, 2.0, 4.0]]), np.array([[2.0, 2.0, 2.0]]))
    assert one_seed["over_seeds"] is one_seed["interval"] is None
    one_radiograph = paired_over_seeds(np.array([[1.0], [3.0]]), np.array([[2.0], [2.0]]))
    assert one_radiograph["over_radiographs"] is one_radiograph["interval"] is None
    with pytest.raises(InputError, match=r"\(1, 3\) and \(2, 3\)"):
        paired_over_seeds(np.ones((1, 3)), np.ones((2, 3)))


def test_rows_are_matched_by_id_not_by_order() -> None:
    rng = np.random.default_rng(0)
    a, b = table(rng.normal(0, 5, 50)), table(rng.normal(0, 9, 50))
    ordered, shuffled = paired_difference(a, b), paired_difference(a, b.sample(frac=1))
    assert shuffled == ordered
    errors = [(t["predicted_months"] - t["boneage_months"]).abs() for t in (a, b)]
    assert ordered["wilcoxon_p"] == pytest.approx(stats.wilcoxon(*errors).pvalue, abs=1e-10)
    assert ordered["difference_months_ci"][1] < 0


def test_sign_turns_with_the_order_of_the_networks() -> None:
    rng = np.random.default_rng(1)
    a, b = table(rng.normal(0, 5, 80)), table(rng.normal(0, 9, 80))
    forth, back = paired_difference(a, b), paired_difference(b, a)
    assert back["difference_months"] == pytest.approx(-forth["difference_months"])
    low, high = forth["difference_months_ci"]
    assert back["difference_months_ci"] == pytest.approx([-high, -low], rel=0.1)


def test_pairing_narrows_the_interval() -> None:
    rng = np.random.default_rng(2)
    shared = rng.normal(0, 10, 150)
    a, b = table(shared), table(shared + rng.normal(0, 1, 150))
    low, high = paired_difference(a, b)["difference_months_ci"]
    alone = evaluate(a)["mae_months_ci"]
    assert high - low < 0.3 * (alone[1] - alone[0])


def test_networks_that_never_differ() -> None:
    found = paired_difference(table([1, 2, 3]), table([1, -2, 3]))
    assert found["difference_months_ci"] == [0, 0]
    assert (found["wilcoxon_p"], found["permutation_p"]) == (1, 1)


def test_intervals_of_the_difference_cover_zero_as_often_as_they_say() -> None:
    rng = np.random.default_rng(3)
    covered = 0
    found_at_5_percent = 0
    for seed in range(120):
        a, b = (table(rng.normal(0, 8, 25)) for _ in range(2))
        found = paired_difference(a, b, seed=seed)
        low, high = found["difference_months_ci"]
        covered += low <= 0 <= high
        found_at_5_percent += found["permutation_p"] <= 0.05
    assert covered >= stats.binom.ppf(0.001, 120, 0.95)
    assert found_at_5_percent <= stats.binom.ppf(0.999, 120, 0.05)


@pytest.mark.parametrize("seed", range(3))
def test_permutation_p_tries_every_sign_of_few(seed: int) -> None:
    difference = np.random.default_rng(seed).normal(2, 4, 9)
    sums = np.array(list(product((-1, 1), repeat=9))) @ difference
    extreme = np.abs(sums) >= abs(difference.sum()) * (1 - 1e-12)
    assert permutation_p(difference) == pytest.approx(extreme.mean(), abs=1e-10)


def test_permutation_p_by_hand() -> None:
    """Of the eight ways to sign 1, 2 and 3, one is as far up as they are and one as far down."""
    assert permutation_p(np.array([1.0, 2, 3])) == 0.25
    assert permutation_p(np.array([1.0, 1, -2])) == 1
    assert permutation_p(np.zeros(4)) == 1


def test_permutation_p_of_many_is_that_of_few() -> None:
    difference = np.random.default_rng(3).normal(0.1, 1, 400)
    drawn = permutation_p(difference)
    assert drawn == permutation_p(difference)
    normal = permutation_p(np.append(difference, np.zeros(200)))  # zeros change no sum
    assert normal == pytest.approx(drawn, rel=0.25)
    assert permutation_p(np.full(10_000, 1.0)) < 1e-300


def test_wilcoxon_is_pingouins() -> None:
    rng = np.random.default_rng(6)
    a, b = rng.normal(0, 5, 40), rng.normal(0, 8, 40)
    expected = pingouin.wilcoxon(np.abs(a), np.abs(b))
    (column,) = [name for name in expected.columns if "p" in name and "val" in name]
    found = paired_difference(table(a), table(b))["wilcoxon_p"]
    assert found == pytest.approx(expected[column].iloc[0], abs=1e-10)


def test_unmatched_tables_are_refused() -> None:
    a = table([1, 2, 3])
    with pytest.raises(InputError, match="2 ids are in only one"):
        paired_difference(a, table([1, 2, 3], start=1))
    with pytest.raises(InputError, match=r"6 ids are in only one.*'0'"):
        paired_difference(a, a.assign(id=a["id"].astype(str)))
    with pytest.raises(InputError, match="disagree on boneage_months"):
        paired_difference(a, a.assign(boneage_months=a["boneage_months"] + [0, 0, 1]))
    with pytest.raises(InputError, match="two or more"):
        compare_all({"xception": a})


def test_compare_all_corrects_over_the_pairs() -> None:
    rng = np.random.default_rng(4)
    tables = {name: table(rng.normal(0, s, 60)) for name, s in (("a", 3), ("b", 6), ("c", 6.1))}
    pairs = compare_all(tables)
    assert pairs[["a", "b"]].to_numpy().tolist() == [["a", "b"], ["a", "c"], ["b", "c"]]
    assert pairs["wilcoxon_p_holm"].tolist() == holm(pairs["wilcoxon_p"].tolist())
    assert pairs["permutation_p_holm"].tolist() == holm(pairs["permutation_p"].tolist())
    assert pairs["difference_months"].iloc[0] < 0


def test_holm_is_pingouins() -> None:
    p = np.random.default_rng(7).uniform(size=30) ** 3
    assert holm(p.tolist()) == pytest.approx(pingouin.multicomp(p, method="holm")[1], abs=1e-10)


@pytest.mark.parametrize(
    ("given", "corrected"),
    [
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.2], [0.2]),
        ([0.9, 0.6], [1.0, 1.0]),
        ([], []),
    ],
)
def test_holm_by_hand(given: list[float], corrected: list[float]) -> None:
    assert holm(given) == pytest.approx(corrected)


@pytest.mark.parametrize("bad", [[0.1, 1.1], [-0.1], [float("nan")]])
def test_holm_refuses_what_is_no_p_value(bad: list[float]) -> None:
    with pytest.raises(InputError, match="p-values"):
        holm(bad)


def test_constant_guess_is_the_median_for_everyone() -> None:
    test = table([0] * 5).drop(columns="predicted_months")
    guess = constant_guess(np.array([10, 20, 90]), test)
    assert guess["predicted_months"].tolist() == [20.0] * 5
    assert guess["id"].tolist() == test["id"].tolist()
    with pytest.raises(InputError, match="training ages"):
        constant_guess(np.array([]), test)


def test_error_correlation() -> None:
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=40), rng.normal(size=40)
    found = error_correlation({"a": table(a), "b": table(b), "minus a": table(-a)})
    assert found.loc["a", "b"] == pytest.approx(stats.pearsonr(a, b).statistic, abs=1e-10)
    assert found.loc["a", "minus a"] == pytest.approx(-1)
    assert np.allclose(found, found.T)
    with_perfect = error_correlation({"a": table(a), "perfect": table(a * 0)})
    assert with_perfect["perfect"].isna().all()
