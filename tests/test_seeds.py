"""What other seeds change: spread of errors and of answers, members beside ensembles."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from test_ensemble import NORMALIZER, network_tables

from boneage_lib.errors import InputError
from boneage_lib.evaluation import (
    AS_PRINTED,
    evaluate,
    seed_study,
    spread_interval,
    student_interval,
)

SEEDS = (0, 1, 2, 3)


def of_seeds(shift_months: float = 6.0) -> dict[str, dict[int, pd.DataFrame]]:
    """Every seed shifts all answers of a network by something else."""
    found: dict[str, dict[int, pd.DataFrame]] = {}
    for number, (name, table) in enumerate(network_tables(*AS_PRINTED).items()):
        shifts = np.random.default_rng(number).normal(0, shift_months, len(SEEDS))
        found[name] = {
            seed: table.assign(predicted_months=table["predicted_months"] + shift)
            for seed, shift in zip(SEEDS, shifts, strict=True)
        }
    return found


def test_intervals_of_a_few_values() -> None:
    values = [11.0, 12.0, 13.0]
    assert student_interval(values) == pytest.approx([12 - 2.484, 12 + 2.484], abs=1e-3)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    assert student_interval(values, 0.9) == pytest.approx(list(expected))
    # √(2 · 1 / 7.378) and √(2 · 1 / 0.0506)
    assert spread_interval(values) == pytest.approx([0.5207, 6.2848], abs=1e-3)
    assert student_interval([1.0]) is None and spread_interval([1.0]) is None


def test_the_interval_of_a_spread_covers_it() -> None:
    rng = np.random.default_rng(0)
    intervals = [spread_interval(values) for values in rng.normal(0, 3, (2_000, 5)).tolist()]
    covered = np.mean([found is not None and found[0] <= 3 <= found[1] for found in intervals])
    assert abs(covered - 0.95) < 0.015


def test_spread_and_deviation_by_hand() -> None:
    tables = of_seeds()
    study = seed_study(tables, NORMALIZER).set_index("name")
    assert list(study.index) == [*AS_PRINTED, "as_printed", "normalized", "completed"] + [
        "equal",
        "fitted",
    ]
    assert (study["seeds"] == 4).all()
    maes = [evaluate(t[t["split"] == "test"])["mae_months"] for t in tables["xception"].values()]
    row = study.loc["xception"]
    assert row["mae_months"] == pytest.approx(np.mean(maes))
    assert row["mae_sd_months"] == pytest.approx(np.std(maes, ddof=1))
    assert row["mae_months_ci"] == pytest.approx(student_interval(maes))
    # All answers of a seed are shifted alike, so all radiographs deviate alike.
    first = [t["predicted_months"].iloc[-1] for t in tables["xception"].values()]
    deviation = np.abs(np.array(first) - np.mean(first)).mean()
    assert row["deviation_months"] == pytest.approx(deviation)
    assert row["deviation_months_ci"] == pytest.approx([deviation, deviation])
    gaps = [
        evaluate(t[t["split"] == "validation"])["mae_months"]
        - evaluate(t[t["split"] == "train"])["mae_months"]
        for t in tables["xception"].values()
    ]
    assert row["gap_months"] == pytest.approx(np.mean(gaps))
    assert row["gap_months_ci"] == pytest.approx(student_interval(gaps))


def test_an_ensemble_is_compared_with_its_steadiest_member() -> None:
    tables = of_seeds()
    tables["xception"] = {seed: tables["xception"][0] for seed in SEEDS}
    study = seed_study(tables, NORMALIZER).set_index("name")
    row = study.loc["equal"]
    assert row["steadiest_member"] == "xception"
    assert study["deviation_months"]["xception"] == 0
    assert row["deviation_difference_months"] == pytest.approx(row["deviation_months"])
    assert row["deviation_months"] < study["deviation_months"]["inception_v3"]


def test_gaps_over_seeds_are_held_against_the_members_gaps() -> None:
    study = seed_study(of_seeds(), NORMALIZER).set_index("name")
    members, row = study.loc[list(AS_PRINTED), "gap_months"], study.loc["normalized"]
    own = sum(AS_PRINTED[name] / 0.7 * gap for name, gap in members.items())
    assert row["gap_less_members_months"] == pytest.approx(row["gap_months"] - own)
    assert row["smallest_gap_member"] == members.idxmin()
    assert row["gap_less_smallest_months"] == pytest.approx(row["gap_months"] - members.min())
    for key in ("gap_less_members_months", "gap_less_smallest_months"):
        low, high = row[f"{key}_ci"]
        assert low < row[key] < high


def test_seeds_in_common_are_used_and_one_is_too_few() -> None:
    tables = of_seeds()
    del tables["xception"][2]
    assert set(seed_study(tables, NORMALIZER)["seeds"]) == {3}
    tables["xception"] = {0: tables["xception"][0]}
    with pytest.raises(InputError, match=r"Found the seeds \[0\] in all networks"):
        seed_study(tables, NORMALIZER)


def test_without_validation_rows_nothing_is_fitted() -> None:
    tables = {
        name: {seed: t[t["split"] == "test"] for seed, t in seeds.items()}
        for name, seeds in of_seeds().items()
    }
    study = seed_study(tables, NORMALIZER)
    assert "fitted" not in set(study["name"])
    assert "gap_months" not in study
