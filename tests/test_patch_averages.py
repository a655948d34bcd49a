"""Many answers to one radiograph, combined: by mean or median, of few or many patches."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from boneage_lib.errors import InputError
from boneage_lib.evaluation import patch_averages

AGES = np.arange(20.0, 180.0, 4.0)


def answers(sets: int = 3, patches: int = 9, noise: float = 10.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    random = AGES[:, None, None] + rng.normal(0, noise, (40, sets, patches))
    return random, AGES[:, None] + rng.normal(0, noise, (40, 49))


def test_draws_are_disjoint_and_combined_by_hand() -> None:
    # One set of four answers, off by 30, -30, 0 and 10 months on every radiograph.
    random = AGES[:, None, None] + np.tile([30.0, -30.0, 0.0, 10.0], (40, 1, 1))
    table = patch_averages(AGES, random, AGES[:, None] + [[5.0, -1.0]], counts=(1, 2, 3, 4))
    found = table.set_index(["places", "patches", "combined"])
    assert found["draws"].tolist() == [4, 2, 2, 1, 1, 1, 1, 1, 1]
    mae = found["mae_months"]
    assert mae["random", 1, "mean"] == pytest.approx(17.5)
    assert mae["random", 2, "mean"] == mae["random", 2, "median"] == pytest.approx(2.5)
    assert mae["random", 3, "mean"] == pytest.approx(0), "the fourth is left over"
    assert mae["random", 4, "mean"] == pytest.approx(2.5)
    assert mae["random", 4, "median"] == pytest.approx(5)
    assert mae["grid", 2, "mean"] == pytest.approx(2)
    one = found.loc["random", 1, "mean"]
    assert (one["lowest"], one["highest"]) == pytest.approx((0, 30))
    assert one["sd_months"] == pytest.approx(np.std([30, 30, 0, 10], ddof=1))
    assert np.isnan(found.loc["grid", 2, "mean"][["sd_months", "lowest", "highest"]].tolist()).all()
    np.testing.assert_allclose(found["difference_months"], mae - mae["random", 3, "mean"])


def test_more_patches_err_less_and_vary_less() -> None:
    table = patch_averages(AGES, *answers()).set_index(["places", "patches", "combined"])
    means = table.xs("mean", level="combined")
    assert (np.diff(means["mae_months"]) < 0).all()
    assert means.loc["random", 1]["sd_months"] > means.loc["random", 9]["sd_months"]
    assert (table["low"] < table["mae_months"]).all()
    assert (table["mae_months"] < table["high"]).all()
    # Independent noise: the error of a mean falls with the root of the number.
    assert means.loc["random", 1]["mae_months"] / means.loc["random", 9][
        "mae_months"
    ] == pytest.approx(3, rel=0.15)
    nine = means.loc["random", 9]
    assert nine["difference_low"] < nine["difference_months"] < nine["difference_high"] < 0


def test_a_median_forgives_a_patch_that_shows_nothing() -> None:
    random, grid = answers(noise=1.0)
    random[:, :, 0] = 0
    table = patch_averages(AGES, random, grid).set_index(["places", "patches", "combined"])
    assert table["mae_months"]["random", 9, "median"] < 1
    assert table["mae_months"]["random", 9, "mean"] > 5


def test_without_three_patches_nothing_is_compared() -> None:
    table = patch_averages(AGES, *answers(), counts=(1, 9))
    assert not [name for name in table if name.startswith("difference")]


def test_one_radiograph_has_no_interval() -> None:
    random, grid = answers()
    table = patch_averages(AGES[:1], random[:1], grid[:1])
    assert table[["low", "high", "difference_low"]].isna().to_numpy().all()
    assert table["mae_months"].notna().all()


@pytest.mark.parametrize("counts", [(), (0,), (3, 10)])
def test_more_patches_than_there_are_are_refused(counts: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="numbers from 1 to 9"):
        patch_averages(AGES, *answers(), counts=counts)


def test_arrays_that_do_not_match_are_refused() -> None:
    random, grid = answers()
    with pytest.raises(InputError, match="Found 39 ages, 40 and 40"):
        patch_averages(AGES[1:], random, grid)
    assert isinstance(patch_averages(AGES, random, grid), pd.DataFrame)
