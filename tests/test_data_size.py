"""Trainings on ever fewer radiographs, as a table and as a curve beside Larson's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tiny import tiny_base, tiny_cohort

from boneage_lib.data import Cohort
from boneage_lib.errors import InputError
from boneage_lib.networks import heads
from boneage_lib.notebook import Run
from boneage_lib.paper.yardsticks import by_training_size
from boneage_lib.report import figures, tables, wording
from boneage_lib.report.reached import on_some
from boneage_lib.training import Settings, data_size, extraction
from boneage_lib.training.data_size import as_sizes, some_of_train, summarized, train_on_some

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")


def test_some_are_drawn_alike_from_ages_and_sexes() -> None:
    cohort = tiny_cohort(train=400)
    some = some_of_train(cohort, 100)
    assert len(some.rows("train")) == 100
    assert set(some.rows("train")) < set(cohort.rows("train"))
    labels = some.labels.iloc[some.rows("train")]
    assert labels["female"].mean() == pytest.approx(0.5, abs=0.02)
    assert labels["boneage_months"].mean() == pytest.approx(114.5, abs=3)
    for split in ("validation", "test"):
        np.testing.assert_array_equal(some.rows(split), cohort.rows(split))
    assert some.checksum == cohort.checksum and some.images is cohort.images
    assert cohort.labels["split"].isin(["train", "validation", "test"]).all(), "left as it was"
    assert some_of_train(cohort, 400) is cohort
    for n in (401, 1, 0):
        with pytest.raises(InputError, match=f"Found {n} training radiographs"):
            some_of_train(cohort, n)


def test_smaller_sets_lie_within_larger_ones_and_share_their_features(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "frozen_backbone", tiny_base)
    monkeypatch.setattr(heads, "frozen_backbone", tiny_base)
    cohort = tiny_cohort(size=71)
    settings = Settings(epochs=1, draws_per_cell=20, views=1)
    seen: list[set[int]] = []
    views: list[int] = []
    drawn, train = some_of_train, data_size.train_seeds

    def count_views(name: str, cohort: Cohort, settings: Settings, *rest: Any, **more: Any) -> Any:
        views.append(settings.views)
        return train(name, cohort, settings, *rest, **more)

    def listen(*given: object) -> object:
        some = drawn(*given)  # type: ignore[arg-type]
        seen.append(set(some.rows("train").tolist()))
        return some

    monkeypatch.setattr(data_size, "some_of_train", listen)
    monkeypatch.setattr(data_size, "train_seeds", count_views)
    found = train_on_some("xception", cohort, settings, [10, 25, 9_999], 2, tmp_path)
    assert [len(rows) for rows in seen] == [40, 25, 10] and seen[2] < seen[1] < seen[0]
    assert list(found["n_train"]) == [10, 10, 25, 25, 40, 40]
    assert all(len(errors) == 12 for errors in found["errors_months"])
    assert len([folder for folder in tmp_path.iterdir() if folder.is_dir()]) == 2, "two banks"
    assert views == [1, 2, 4], "of fewer, each in more views"


def test_errors_are_summarized_by_size() -> None:
    errors = [np.array([3.0, -4.0]), np.array([0.0, 2.0]), np.array([1.0, 1.0])]
    table = pd.DataFrame({"n_train": [10, 10, 40], "seed": [0, 1, 0], "errors_months": errors})
    found = summarized(table)
    assert list(found["n_train"]) == [10, 40] and list(found["seeds"]) == [2, 1]
    assert found["mae_months"].iloc[0] == [3.5, 1.0]
    assert found["rmse_months"].iloc[0] == pytest.approx([np.sqrt(12.5), np.sqrt(2)])


def test_sizes_are_numbers_with_commas_between() -> None:
    assert as_sizes("700, 1500,") == [700, 1500] and as_sizes("") == []
    with pytest.raises(InputError, match="Found some among"):
        as_sizes("700, some")


FOUND = {
    "network": "xception",
    "sizes": [
        {"n_train": 700, "seeds": 2, "mae_months": [20.0, 22.0], "rmse_months": [25.0, 27.0]},
        {"n_train": 6000, "seeds": 1, "mae_months": [15.0], "rmse_months": [20.0]},
    ],
}


def test_larsons_curve_is_as_printed() -> None:
    curve = by_training_size()
    assert list(curve) == [1_558, 3_141, 6_295, 12_611]
    assert [round(months / 12, 2) for months in curve.values()] == [1.08, 0.91, 0.78, 0.73]


def test_the_table_stands_beside_larsons() -> None:
    table = tables.data_size(FOUND)
    assert list(table.index) == ["Xception"] * 2 + ["Larson et al."] * 4
    assert table["MAE (months)"].iloc[0].startswith("21.00 (")
    assert table["RMSE (months)"].iloc[1] == "20.00", "one seed has no interval"
    assert table["MAE (months)"].iloc[2] == "not printed"
    assert tables.data_size(None).empty


def test_the_curve_has_both_lines() -> None:
    (axes,) = figures.data_size(FOUND).axes
    lines = {tuple(line.get_ydata()) for line in axes.lines}
    assert (26.0, 20.0) in lines and tuple(by_training_size().values()) in lines
    assert axes.get_xscale() == "log"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["700", "6,000"]


def test_a_run_keeps_its_curve_or_shows_the_studys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "frozen_backbone", tiny_base)
    monkeypatch.setattr(heads, "frozen_backbone", tiny_base)
    monkeypatch.setattr(Run, "cohort", lambda self: tiny_cohort(size=71))
    monkeypatch.setattr(wording, "project_root", lambda: tmp_path)
    run = Run(tmp_path / "run")
    own = on_some(run, "20", "study", None, "xception", 1, draws_per_cell=10, views=1, epochs=1)
    assert own.of == "" and own.found is not None
    assert [size["n_train"] for size in own.found["sizes"]] == [20, 40]
    assert (run.results / "data_size.json").is_file()
    none = on_some(run, "", "study", None, "xception", 1)
    assert none.found is None and none.absent.startswith('Left out of this run (`sizes = ""`)')
    assert not (run.results / "data_size.json").exists()
