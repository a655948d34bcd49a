"""Tables of the studies: patches, ensembles, seeds, changed radiographs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from IPython.display import Markdown
from made_up_run import NORMALIZER, all_predictions, changed

from boneage_lib.evaluation import (
    ensemble_robustness,
    ensemble_study,
    evaluate,
    patch_averages,
    patch_sizes,
    seed_study,
)
from boneage_lib.paper.published import TITLES
from boneage_lib.report import tables
from boneage_lib.report.results import with_intervals

#: Of 40 radiographs, months.
ERRORS = np.random.default_rng(5).gamma(2, 5, 40).round(0)


def test_agreement_says_how_near_answers_come() -> None:
    age = np.linspace(20.0, 200.0, 20)
    errors = np.resize([3.0, -3.0, 9.0, -30.0], 20)
    table = pd.DataFrame({"id": np.arange(20), "boneage_months": age})
    scores = evaluate(table.assign(predicted_months=age + errors), NORMALIZER)
    row = tables.agreement({"networks": {"xception": {"test": scores}}}).loc["Xception"]
    assert row["within 6 months (%)"].startswith("50 (")
    assert row["within 12 months (%)"].startswith("75 (")
    assert row["within 24 months (%)"].startswith("75 (")
    limits = row["limits of agreement (months)"].replace("\N{MINUS SIGN}", "-").split(" to ")
    low, high = map(float, limits)
    assert (low + high) / 2 == pytest.approx(errors.mean(), abs=0.06)
    assert row["nine of ten within (months)"].startswith("30.0")
    assert 0.9 < float(row["Lin's concordance"].split()[0]) < 1


def fair(seeds: int) -> pd.DataFrame:
    """Two settings; the smaller patches are two months worse on every radiograph."""
    rng = np.random.default_rng(0)
    rows = []
    for count, size, worse in ((9, 66, 2.0), (3, 115, 0.0)):
        for seed in range(seeds):
            errors = ERRORS + worse + seed
            rows.append(
                {
                    "patch_count": count,
                    "patch_size": size,
                    "seed": seed,
                    "updates": 125,
                    "pixels": count * size**2,
                    "budget": count * size**2 / 256**2,
                    "patches_a_step": 24,
                    "pixels_a_step": 24 * size**2,
                    "mae_months": errors.mean(),
                    "errors_months": errors,
                    "seconds": {"features": rng.random(), "head": 1.0},
                }
            )
    return pd.DataFrame(rows)


def test_the_patch_study_as_printed_is_told_in_words() -> None:
    study = fair(1).assign(loss=0.5, val_loss=[0.25, np.nan])
    table = tables.patch_study(with_intervals(study))
    assert list(table.index) == ["9 × 66 px", "3 × 115 px"]
    assert list(table["of the radiograph"]) == ["60%", "61%"]
    mean = ERRORS.mean()
    assert table["mean absolute error"].iloc[0].startswith(f"{mean + 2:.1f} (")
    assert not any("_" in name for name in table.columns)


def test_errors_by_group_say_an_interval_where_there_is_one() -> None:
    ages = [30.0, 100.0, 110.0, 100.0]
    predictions = pd.DataFrame(
        {
            "id": range(4),
            "female": [0, 0, 0, 1],
            "boneage_months": ages,
            "predicted_months": [36.0, 97.0, 108.0, 101.0],
        }
    )
    table = tables.errors_by_group(predictions)
    error = table["mean absolute error"]
    assert error["0 to 60 months"] == "6.0", "one radiograph has no interval"
    assert error["60 to 120 months"].startswith("2.0 (")
    assert table["radiographs"]["male"] == 3
    assert table["bias"]["female"] == pytest.approx(1)


def test_the_patch_study_gets_an_interval_for_each_row_and_loses_its_times() -> None:
    errors = np.random.default_rng(0).gamma(2, 10, 50)
    study = pd.DataFrame({"patch_count": [3, 9], "mae_months": [errors.mean(), 5.0]}).assign(
        errors_months=[errors, np.array([5.0])], seconds=[{"head": 1.0}, {"head": 2.0}]
    )
    table = with_intervals(study)
    assert list(table) == ["patch_count", "mae_months", "low", "high"]
    assert table["low"][0] < table["mae_months"][0] < table["high"][0]
    assert np.isnan(table["low"][1]) and np.isnan(table["high"][1])


def test_the_fair_study_compares_with_the_largest_patches() -> None:
    table = tables.fair_patch_study(patch_sizes(fair(3)))
    assert list(table.index) == ["3 × 115 px", "9 × 66 px"], "largest first"
    assert table["less the largest patches'"].tolist() == ["—", "2.0 (2.0 to 2.0)"]
    assert table["seeds"].tolist() == [3, 3]
    assert table["of the radiograph"].tolist() == ["61%", "60%"]
    mean = ERRORS.mean() + 1
    assert table["mean absolute error"].iloc[0].startswith(f"{mean:.1f} (")
    # Three values a month apart, see Student's interval in test_seeds.
    assert table["over seeds"].iloc[0] == f"{mean - 2.484:.1f} to {mean + 2.484:.1f}"
    once = tables.fair_patch_study(patch_sizes(fair(1)))
    assert set(once["over seeds"]) == {"—"}


def test_patches_at_test_names_grid_and_draws() -> None:
    rng = np.random.default_rng(0)
    ages = rng.uniform(20, 200, 30).round()
    averages = patch_averages(
        ages, ages[:, None, None] + rng.normal(0, 9, (30, 2, 9)), ages[:, None] + np.ones((30, 49))
    )
    table = tables.patches_at_test(averages)
    assert list(table.index) == [
        ("1 random", "—"),
        ("3 random", "mean"),
        ("3 random", "median"),
        ("9 random", "mean"),
        ("9 random", "median"),
        ("7 × 7 grid", "mean"),
        ("7 × 7 grid", "median"),
    ]
    grid, three = table.iloc[-1], table.iloc[1]
    assert grid["mean absolute error"] == "1.0 (1.0 to 1.0)"
    assert grid["standard deviation over draws"] == grid["lowest to highest draw"] == "—"
    assert three["less the mean of 3 random"] == "—"
    assert grid["less the mean of 3 random"].startswith("\N{MINUS SIGN}")
    assert table["draws"].tolist() == [18, 6, 6, 2, 2, 1, 1]


def test_ensembles_say_to_which_member_their_differences_are() -> None:
    study = ensemble_study({name: all_predictions(name) for name in TITLES}, NORMALIZER)
    table = tables.ensembles(study)
    patches = TITLES["resnet50_patches"]
    for column in ("less the best member on test", "less the best on validation"):
        assert (table[column].iloc[:4] == "—").all()
        assert table[column].iloc[4:].str.endswith(f" to {patches}").all()
    assert table.loc["completed", "weights"].startswith(f"{patches} 0.80, ")
    gaps = tables.gaps(study)
    assert list(gaps.index) == list(table.index)
    assert gaps["validation less train"].str.contains(" to ").all()
    assert (gaps["less its members' weighted mean"].iloc[:4] == "—").all()
    without = study[[c for c in study if "gap" not in c and "_train_" not in c]]
    assert set(tables.gaps(without)["validation less train"]) == {"—"}


def test_seeds_and_changed_radiographs() -> None:
    of_seeds = {name: {k: all_predictions(name, k) for k in range(3)} for name in TITLES}
    table = tables.seeds(seed_study(of_seeds, NORMALIZER))
    assert (table["seeds"] == 3).all()
    assert (table["less the steadiest member's"].iloc[:4] == "—").all()
    assert table.loc["normalized", "less the steadiest member's"].endswith(
        TITLES["resnet50_patches"]
    )
    study = ensemble_study({name: all_predictions(name) for name in TITLES}, NORMALIZER)
    rows, summary = ensemble_robustness({n: changed(n) for n in TITLES}, study, NORMALIZER)
    table = tables.changed_radiographs(summary)
    assert table.loc[TITLES["xception"], "increase"].startswith("4.0 (3.")
    wide = tables.by_condition(rows)
    assert list(wide.index) == ["As they are", "Rotation", "Mirrored"]
    assert list(wide)[:4] == list(TITLES.values())
    assert wide.loc["Rotation", TITLES["xception"]] == pytest.approx(
        wide.loc["As they are", TITLES["xception"]] + 7.5
    )


def test_what_a_run_cannot_tell_is_said() -> None:
    nothing = pd.DataFrame()
    for table in (
        tables.seeds(nothing),
        tables.changed_radiographs(nothing),
        tables.by_condition(nothing),
    ):
        said = tables.show(table, "A caption.", absent="Not on this run.")
        assert isinstance(said, Markdown) and said.data == "Not on this run."
