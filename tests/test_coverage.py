"""Whether intervals held what they promised, and answers corrected by a line."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from boneage_lib.errors import InputError
from boneage_lib.evaluation.conformal import conformal_half_width
from boneage_lib.evaluation.correction import Correction
from boneage_lib.evaluation.coverage import coverage_by_group


def table(n: int, spread: float = 10.0, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    ages = rng.uniform(1, 228, n)
    return pd.DataFrame(
        {
            "id": np.arange(n),
            "female": np.arange(n) % 2,
            "boneage_months": ages,
            "predicted_months": ages + rng.normal(0, spread, n),
        }
    )


def test_coverage_counts_by_hand() -> None:
    known = pd.DataFrame(
        {
            "id": [1, 2, 3, 4],
            "female": [0, 0, 1, 1],
            "boneage_months": [50.0, 100.0, 100.0, 200.0],
            "predicted_months": [60.0, 111.0, 90.0, 200.0],
        }
    )
    found = coverage_by_group(known, 10.0).set_index("group")
    assert found.loc["all", "covered"] == 0.75 and found.loc["all", "n"] == 4
    assert found.loc["male", "covered"] == 0.5 and found.loc["female", "covered"] == 1
    assert found.loc["60 to 120 months", "covered"] == 0.5
    # Clopper and Pearson's for 3 of 4, as tables print it.
    assert found.loc["all", "low"] == pytest.approx(0.1941, abs=1e-4)
    assert found.loc["all", "high"] == pytest.approx(0.9937, abs=1e-4)


def test_a_width_from_validation_holds_on_test_within_two_points() -> None:
    validation = table(1_400, seed=1)
    half = conformal_half_width(
        (validation["predicted_months"] - validation["boneage_months"]).to_numpy(), 0.9
    )
    assert half is not None
    found = coverage_by_group(table(1_400, seed=2), half).set_index("group")
    assert found.loc["all", "covered"] == pytest.approx(0.9, abs=0.02)
    # Errors twice as wide are not covered, and the table says so.
    wide = coverage_by_group(table(1_400, 20.0, seed=2), half).set_index("group")
    assert wide.loc["all", "high"] < 0.75


def test_a_line_takes_out_what_pulls_toward_the_mean() -> None:
    ages = np.linspace(10, 220, 50)
    pulled = 0.8 * (ages - 120) + 125
    line = Correction.fit(pulled, ages)
    np.testing.assert_allclose(line(pulled), ages, atol=1e-9)
    assert line.slope == pytest.approx(1.25)


def test_no_line_goes_through_one_answer() -> None:
    with pytest.raises(InputError, match="two different answers"):
        Correction.fit(np.full(5, 100.0), np.arange(5.0))
