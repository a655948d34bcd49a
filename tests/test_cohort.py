"""Cohorts written, opened, refused, and never half-written."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boneage_lib.data.cohort import SPLITS, Cohort, check_labels, checksum
from boneage_lib.data.journal import CohortWriter
from boneage_lib.data.writing import write_cohort
from boneage_lib.errors import InputError

SIZE = 8


def table(n: int = 6) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": np.arange(n) + 100,
            "split": np.resize(["train", "train", "validation", "test"], n),
            "female": np.arange(n) % 2,
            "boneage_months": np.linspace(11.21, 219.06, n),
        }
    )


def write(folder: Path | str, labels: pd.DataFrame, dropped: Sequence[int] = ()) -> Cohort:
    """A cohort whose radiographs are each as bright as their row number."""

    def fill(writer: CohortWriter) -> Sequence[int]:
        rows = writer.missing
        writer.write(rows, np.repeat(np.array(rows, np.uint8), SIZE**2).reshape(-1, SIZE, SIZE))
        return dropped

    write_cohort(folder, labels, SIZE, {"kind": "synthetic"}, {"dropped": list(dropped)}, fill)
    return Cohort.open(folder, verify=True)


def test_a_cohort_comes_back_as_it_was_written(tmp_path: Path) -> None:
    cohort = write(tmp_path / "new" / "cohort", table())
    pd.testing.assert_frame_equal(cohort.labels, table())
    assert len(cohort) == 6
    assert cohort.size == SIZE
    assert cohort.synthetic
    assert cohort.images[:, 0, 0].tolist() == list(range(6))
    assert not cohort.images.flags.writeable
    assert cohort.checksum == checksum(table(), cohort.images)
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["cohort"]


@settings(max_examples=50)
@given(st.lists(st.floats(0, 240), min_size=1, max_size=20))
def test_ages_come_back_bit_by_bit(ages: list[float]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        labels = table(len(ages)).assign(boneage_months=ages)
        assert write(Path(folder) / "cohort", labels).labels["boneage_months"].tolist() == ages


@st.composite
def cohorts(draw: st.DrawFn) -> tuple[pd.DataFrame, np.ndarray, list[int]]:
    """A label table, its radiographs and rows to leave out."""
    ids = draw(st.lists(st.integers(0, 2**62), min_size=1, max_size=12, unique=True))
    n = len(ids)

    def column(values: st.SearchStrategy[object]) -> list[object]:
        return draw(st.lists(values, min_size=n, max_size=n))

    labels = pd.DataFrame(
        {
            "id": ids,
            "split": column(st.sampled_from(SPLITS)),
            "female": column(st.integers(0, 1)),
            "boneage_months": column(st.floats(0, 240)),
        }
    )
    side = draw(st.integers(1, 9))
    seed = draw(st.integers(0, 2**32))
    images = np.random.default_rng(seed).integers(0, 256, (n, side, side), dtype=np.uint8)
    dropped = draw(st.lists(st.integers(0, n - 1), max_size=n - 1, unique=True))
    return labels, images, sorted(dropped)


@settings(max_examples=40)
@given(cohorts())
def test_any_cohort_comes_back_row_by_row(
    cohort: tuple[pd.DataFrame, np.ndarray, list[int]],
) -> None:
    labels, images, dropped = cohort

    def fill(writer: CohortWriter) -> list[int]:
        # The last rows first, as when threads overtake each other.
        for row in reversed(writer.missing):
            writer.write([row], images[row : row + 1])
        return dropped

    kept = np.setdiff1d(np.arange(len(labels)), dropped)
    with tempfile.TemporaryDirectory() as folder:
        write_cohort(Path(folder) / "cohort", labels, images.shape[1], {"kind": "rsna"}, {}, fill)
        found = Cohort.open(Path(folder) / "cohort", verify=True)
        expected = labels.iloc[kept].reset_index(drop=True)
        pd.testing.assert_frame_equal(found.labels, expected)
        np.testing.assert_array_equal(found.images, images[kept])
        assert found.checksum == checksum(expected, images[kept])
        rows = np.concatenate([found.rows(split) for split in SPLITS])
        assert sorted(rows.tolist()) == list(range(len(kept))), "each in one split"


def test_dropped_rows_leave_labels_and_images_together(tmp_path: Path) -> None:
    cohort = write(tmp_path / "cohort", table(), dropped=[0, 3])
    assert cohort.labels["id"].tolist() == [101, 102, 104, 105]
    assert cohort.images[:, 0, 0].tolist() == [1, 2, 4, 5]
    assert cohort.info["n"] == 4
    assert sorted(p.name for p in cohort_files(tmp_path)) == [
        "cohort.json",
        "images.npy",
        "labels.csv",
    ]


def cohort_files(folder: Path) -> list[Path]:
    return list((folder / "cohort").iterdir())


def test_rows_of_a_split(tmp_path: Path) -> None:
    cohort = write(tmp_path / "cohort", table())
    assert cohort.rows("train").tolist() == [0, 1, 4, 5]
    assert cohort.rows("test").tolist() == [3]
    with pytest.raises(InputError, match="split='holdout'"):
        cohort.rows("holdout")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": [1, 1, 2, 3, 4, 5]}, "more than once"),
        ({"id": ["hand"] * 6}, "whole numbers"),
        ({"split": ["train"] * 5 + ["holdout"]}, "holdout"),
        ({"female": [0, 1, 2, 0, 1, 0]}, "female must hold 0"),
        ({"boneage_months": [10, 20, np.nan, 40, 50, 60]}, "missing or outside 0 to 240"),
        ({"boneage_months": [10, 20, 241, 40, 50, 60]}, "241"),
    ],
)
def test_bad_labels_are_refused(change: dict[str, list[object]], message: str) -> None:
    bad = table()
    for name, values in change.items():
        bad[name] = pd.Series(values)
    with pytest.raises(InputError, match=message):
        check_labels(bad)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(InputError, match="lacks female"):
        check_labels(table().drop(columns="female"))


def test_no_cohort_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="boneage prepare SOURCE"):
        Cohort.open(tmp_path)


def change_a_pixel(folder: Path) -> None:
    images = np.load(folder / "images.npy", mmap_mode="r+")
    images[2, 3, 4] ^= 255
    images.flush()


def cut_the_pixels(folder: Path) -> None:
    content = (folder / "images.npy").read_bytes()
    (folder / "images.npy").write_bytes(content[:-20])


def lose_a_row(folder: Path) -> None:
    table(5).to_csv(folder / "labels.csv", index=False)


def be_of_tomorrow(folder: Path) -> None:
    info = json.loads((folder / "cohort.json").read_text())
    (folder / "cohort.json").write_text(json.dumps(info | {"format": 99}))


def cut_the_record(folder: Path) -> None:
    (folder / "cohort.json").write_text("{")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (change_a_pixel, "checksum"),
        (cut_the_pixels, "is damaged"),
        (lose_a_row, "5 labels"),
        (be_of_tomorrow, "another format"),
        (cut_the_record, "is damaged"),
    ],
)
def test_damage_is_noticed(tmp_path: Path, damage: Callable[[Path], None], message: str) -> None:
    write(tmp_path / "cohort", table())
    damage(tmp_path / "cohort")
    with pytest.raises(InputError, match=message):
        Cohort.open(tmp_path / "cohort", verify=True)
