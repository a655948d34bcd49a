"""Trainings on ever fewer radiographs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tiny import tiny_base, tiny_cohort

from boneage_lib.errors import InputError
from boneage_lib.networks import heads
from boneage_lib.training import Settings, extraction
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
    drawn = some_of_train

    def listen(*given: object) -> object:
        some = drawn(*given)  # type: ignore[arg-type]
        seen.append(set(some.rows("train").tolist()))
        return some

    monkeypatch.setattr("boneage_lib.training.data_size.some_of_train", listen)
    found = train_on_some("xception", cohort, settings, [10, 25, 9_999], 2, tmp_path)
    assert [len(rows) for rows in seen] == [40, 25, 10] and seen[2] < seen[1] < seen[0]
    assert list(found["n_train"]) == [10, 10, 25, 25, 40, 40]
    assert all(len(errors) == 12 for errors in found["errors_months"])
    assert len([folder for folder in tmp_path.iterdir() if folder.is_dir()]) == 2, "two banks"


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
