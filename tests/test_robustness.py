"""Changes do what they say, the table holds the network's answers, the summary its errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tiny import tiny_cohort
from tiny_reader import SIZE, tiny_reader

from boneage_lib.errors import InputError
from boneage_lib.evaluation import perturbations
from boneage_lib.evaluation.perturbations import CONDITIONS, Condition, border_grey
from boneage_lib.evaluation.robustness import robustness
from boneage_lib.evaluation.robustness_summary import UNCHANGED, averaged, robustness_summary
from boneage_lib.evaluation.subset import spread_over_ages, worst_radiographs
from boneage_lib.networks import NETWORKS
from boneage_lib.report.closer_look import robustness_table
from boneage_lib.report.robustness import robustness_tables
from boneage_lib.report.run import MissingResult, Run

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")

CHANGES = [own for own in CONDITIONS if own.change is not None]


def radiograph(size: int = 48, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (size, size)).astype(np.uint8)


def change(condition: Condition, image: np.ndarray, strength: float) -> np.ndarray:
    assert condition.change is not None
    return condition.change(image, strength)


@pytest.mark.parametrize("condition", CHANGES, ids=lambda own: own.name)
@pytest.mark.parametrize("size", [48, 51])
def test_at_its_neutral_strength_a_change_changes_nothing(condition: Condition, size: int) -> None:
    image = radiograph(size)
    np.testing.assert_array_equal(change(condition, image, condition.neutral), image)
    assert condition.neutral not in condition.strengths


@pytest.mark.parametrize("condition", CHANGES, ids=lambda own: own.name)
@pytest.mark.parametrize("size", [48, 51])
def test_a_change_gives_grey_bytes_the_same_every_time(condition: Condition, size: int) -> None:
    image = radiograph(size)
    before = image.copy()
    for strength in condition.strengths:
        found = change(condition, image, strength)
        assert (found.shape, found.dtype) == (image.shape, np.uint8)
        assert (found != image).any()
        np.testing.assert_array_equal(found, change(condition, image, strength))
        np.testing.assert_array_equal(image, before)


def test_quarter_turns_move_whole_pixels() -> None:
    image = radiograph()
    for quarters in (1, 2, 3):
        turned = perturbations.rotate(image, 90 * quarters)
        np.testing.assert_array_equal(turned, np.rot90(image, quarters))


def test_turning_there_and_back_keeps_the_middle() -> None:
    rows, columns = np.mgrid[:64, :64]
    image = (rows + 2 * columns).astype(np.uint8)
    back = perturbations.rotate(perturbations.rotate(image, 15), -15)
    middle = slice(20, 44)
    off = back[middle, middle].astype(int) - image[middle, middle]
    assert np.abs(off).max() <= 2


def test_small_cases_by_hand() -> None:
    image = np.array([[0, 100], [200, 250]], np.uint8)
    np.testing.assert_array_equal(perturbations.brighten(image, 40), [[40, 140], [240, 255]])
    np.testing.assert_array_equal(perturbations.brighten(image, -120), [[0, 0], [80, 130]])
    even = np.array([[0, 100], [100, 200]], np.uint8)
    np.testing.assert_array_equal(perturbations.stretch(even, 0.5), [[50, 100], [100, 150]])
    np.testing.assert_array_equal(perturbations.stretch(even, 3), [[0, 100], [100, 255]])
    np.testing.assert_array_equal(perturbations.invert(image, 1), [[255, 155], [55, 5]])
    np.testing.assert_array_equal(perturbations.flip(image, 1), [[100, 0], [250, 200]])
    np.testing.assert_array_equal(perturbations.coarsen(even, 2), np.full((2, 2), 100))


def test_covered_corners_take_the_grey_around_the_hand() -> None:
    image = np.full((40, 40), 30, np.uint8)
    image[10:, 12:28] = 200  # a hand that comes in from below
    image[2:6, 2:6] = 255  # a marker
    assert border_grey(image) == 30
    covered = perturbations.cover_corners(image, 0.2)
    expected = image.copy()
    expected[:8, :8] = 30
    np.testing.assert_array_equal(covered, expected)


def test_subsets_span_the_ages_and_lead_with_the_worst() -> None:
    cohort = tiny_cohort(test=12)
    images, labels = spread_over_ages(cohort, 4)
    months = cohort.labels["boneage_months"].to_numpy()[cohort.rows("test")]
    assert labels["boneage_months"].tolist() == pytest.approx(months[[1, 4, 7, 10]].tolist())
    rows = cohort.labels.index[cohort.labels["id"].isin(labels["id"])]
    np.testing.assert_array_equal(images, cohort.images[rows])
    for count in (0, 12, 50):
        assert len(spread_over_ages(cohort, count)[0]) == 12
    test = cohort.labels.query("split == 'test'").reset_index(drop=True)
    errors = np.array([1, -9, 2, 3, 8, 0, 0, 0, 0, 0, 0, 7.0])
    predictions = test.assign(predicted_months=test["boneage_months"] + errors)
    images, labels = worst_radiographs(cohort, predictions, 3)
    assert labels["id"].tolist() == test["id"].to_numpy()[[1, 4, 11]].tolist()
    np.testing.assert_array_equal(images, cohort.images[cohort.rows("test")[[1, 4, 11]]])
    with pytest.raises(InputError, match="Found -1 radiographs"):
        spread_over_ages(cohort, -1)
    with pytest.raises(InputError, match="Found 0 cases"):
        worst_radiographs(cohort, predictions, 0)
    with pytest.raises(InputError, match="no radiograph 1 in the cohort"):
        worst_radiographs(cohort, predictions.assign(id=range(12)), 6)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_table_holds_the_answers_of_the_network(name: str) -> None:
    reader = tiny_reader(name)
    images, labels = spread_over_ages(tiny_cohort(size=SIZE), 5)
    ids, female = labels["id"].to_numpy(), labels["female"].to_numpy()
    table = robustness(reader, images, labels)
    count = sum(len(own.strengths) for own in CONDITIONS)
    assert len(table) == 5 * (1 + count)
    assert table.columns.tolist() == [
        *("id", "female", "boneage_months"),
        *("condition", "strength", "predicted_months"),
    ]
    of = table.set_index(["condition", "strength"]).sort_index()
    for key, pictures, sex in (
        ((UNCHANGED, 0), images, female),
        (("sex", 1), images, 1 - female),
        (("inversion", 1), 255 - images, female),
        (("rotation", 180), images[:, ::-1, ::-1], female),
        (("flip", 1), images[:, :, ::-1], female),
    ):
        rows = of.loc[key]
        assert rows["id"].tolist() == ids.tolist()
        assert rows["female"].tolist() == female.tolist()
        expected = reader.months(pictures, sex, ids)
        np.testing.assert_allclose(rows["predicted_months"], expected, atol=1e-3)
    summary = robustness_summary(table)
    assert len(summary) == 1 + count and summary["condition"].iloc[0] == UNCHANGED


def test_few_conditions_and_none_but_the_sex() -> None:
    images, labels = spread_over_ages(tiny_cohort(size=SIZE), 2)
    table = robustness(tiny_reader("xception"), images, labels, CONDITIONS[-1:])
    assert table["condition"].tolist() == [UNCHANGED] * 2 + ["sex"] * 2


def made_up_table() -> pd.DataFrame:
    plain = pd.DataFrame({"id": [1, 2, 3], "female": [0, 1, 0], "boneage_months": [10.0, 20, 30]})
    return pd.concat(
        [
            plain.assign(condition=UNCHANGED, strength=0.0, predicted_months=[12.0, 20, 26]),
            # Rows in another order are matched by id.
            plain.assign(condition="brightness", strength=40.0, predicted_months=[8.0, 23, 36])[
                ::-1
            ],
        ],
        ignore_index=True,
    )


def test_errors_and_changes_by_hand() -> None:
    as_is, brighter = robustness_summary(made_up_table()).to_dict("records")
    assert as_is["mae_months"] == pytest.approx(2)  # 2, 0, 4
    assert (as_is["change_months"], as_is["change_low"], as_is["change_high"]) == (0, 0, 0)
    assert brighter["mae_months"] == pytest.approx(11 / 3)  # 2, 3, 6
    assert brighter["change_months"] == pytest.approx(5 / 3)  # 0, 3, 2
    assert brighter["moved_months"] == pytest.approx(17 / 3)  # 4, 3, 10
    assert brighter["mae_low"] < brighter["mae_months"] < brighter["mae_high"]
    assert brighter["n"] == 3


def test_the_table_in_words() -> None:
    words = robustness_table(made_up_table())
    assert words.index.tolist() == [("none", "—"), ("brightness", "40 gray levels added")]
    assert words["mean absolute error"].iloc[0].startswith("2.0 (")
    assert words["more than without"].tolist()[0] == "—"
    assert words["answers move by"].tolist() == ["—", "5.7"]
    single = robustness_table(made_up_table().query("id == 1"))
    assert single["mean absolute error"].tolist() == ["2.0", "2.0"]


def test_bad_tables_are_refused() -> None:
    table = made_up_table()
    with pytest.raises(InputError, match="lacks strength"):
        robustness_summary(table.drop(columns="strength"))
    with pytest.raises(InputError, match="no condition 'none'"):
        robustness_summary(table.query("condition != 'none'"))
    with pytest.raises(InputError, match="other radiographs"):
        robustness_summary(table.drop(index=5))


@pytest.mark.parametrize(
    ("images", "labels", "words"),
    [
        (lambda x: x.astype(float), lambda t: t, "float64"),
        (lambda x: x[0], lambda t: t, "with at least one image"),
        (lambda x: x[:0], lambda t: t[:0], "with at least one image"),
        (lambda x: x[:, :-1], lambda t: t, "squares"),
        (lambda x: x, lambda t: t[:-1], "2 images and 1 labels"),
        (lambda x: x, lambda t: t.drop(columns="female"), "lack female"),
    ],
)
def test_bad_radiographs_are_refused(images: object, labels: object, words: str) -> None:
    x, table = spread_over_ages(tiny_cohort(size=SIZE), 2)
    with pytest.raises(InputError, match=words):
        robustness(None, images(x), labels(table))  # type: ignore


def test_a_condition_twice_is_refused() -> None:
    x, table = spread_over_ages(tiny_cohort(size=SIZE), 2)
    with pytest.raises(InputError, match="expected each once"):
        robustness(None, x, table, CONDITIONS[:1] * 2)  # type: ignore


def test_an_ensemble_averages_answers_change_by_change() -> None:
    one = made_up_table()
    other = one.assign(predicted_months=one["predicted_months"] + 12)[::-1]
    both = averaged({"a": one, "b": other, "c": one[:2]}, {"a": 0.5, "b": 0.1})
    np.testing.assert_allclose(both["predicted_months"], one["predicted_months"] + 2)
    assert both["condition"].tolist() == one["condition"].tolist()
    with pytest.raises(InputError, match="c answered to other"):
        averaged({"a": one, "c": one[:2]}, {"a": 1, "c": 1})
    with pytest.raises(InputError, match="no table of b"):
        averaged({"a": one}, {"a": 1, "b": 1})
    for weights in ({}, {"a": 0.0}, {"a": 2.0, "b": -1.0}):
        with pytest.raises(InputError, match="Found weights"):
            averaged({"a": one, "b": one}, weights)


def test_a_run_s_tables_come_with_its_ensemble(tmp_path: Path) -> None:
    run = Run(tmp_path)
    for k, name in enumerate(NETWORKS):
        table = made_up_table()
        table["predicted_months"] += 7 * k
        if name != "xception":
            run.write_table(f"results/robustness/{name}.csv", table)
    with pytest.raises(MissingResult, match="04_xception"):
        robustness_tables(run)
    run.write_table("results/robustness/xception.csv", made_up_table())
    tables = robustness_tables(run)
    assert list(tables) == [*NETWORKS, "ensemble"]
    weights = {"resnet50_patches": 0.5, "inception_v3": 0.1, "xception": 0.1}
    expected = averaged(tables, weights)["predicted_months"].sort_values()
    found = tables["ensemble"]["predicted_months"].sort_values()
    np.testing.assert_allclose(found, expected)
