"""Cohorts written, opened, refused, and never half-written."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boneage_lib.data.cohort import Cohort, check_labels, checksum, writing
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


def write(folder: Path, labels: pd.DataFrame, dropped: list[int] | None = None) -> Cohort:
    with writing(folder, labels, SIZE, {"kind": "synthetic"}, dropped) as images:
        for row in range(len(labels)):
            images[row] = row
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


def test_an_error_leaves_nothing_behind_and_an_earlier_cohort_alone(tmp_path: Path) -> None:
    earlier = write(tmp_path / "cohort", table()).checksum
    with (
        pytest.raises(RuntimeError, match="stopped"),
        writing(tmp_path / "cohort", table(3), SIZE, {}),
    ):
        raise RuntimeError("stopped")
    assert [p.name for p in tmp_path.iterdir()] == ["cohort"]
    assert Cohort.open(tmp_path / "cohort", verify=True).checksum == earlier
    assert len(write(tmp_path / "cohort", table(3))) == 3


def test_other_files_are_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="holds other files"):
        write(tmp_path, table())
    with pytest.raises(InputError, match="is a file"):
        write(tmp_path / "thesis.txt", table())
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_disk_without_room_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(100, 90, 10))
    with pytest.raises(InputError, match="disk has"):
        write(tmp_path / "cohort", table())
    assert not list(tmp_path.iterdir())


def test_the_current_folder_and_a_link_are_targets_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "here")
    write(tmp_path / "link", table())
    monkeypatch.chdir(tmp_path / "here")
    with writing(".", table(3), SIZE, {}):
        pass
    assert len(Cohort.open(tmp_path / "link")) == 3


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


def test_a_cohort_without_its_record_is_replaced(tmp_path: Path) -> None:
    # The pipeline removes cohort.json before it makes a cohort again.
    labels = pd.DataFrame(
        {"id": [1, 2], "split": "train", "female": [0, 1], "boneage_months": [10.0, 20.0]}
    )
    for value in (3, 7):
        with writing(tmp_path / "cohort", labels, 32, {"kind": "synthetic"}) as images:
            images[:] = value
        (tmp_path / "cohort" / "cohort.json").rename(tmp_path / f"{value}.json")
    (tmp_path / "7.json").rename(tmp_path / "cohort" / "cohort.json")
    assert (Cohort.open(tmp_path / "cohort", verify=True).images == 7).all()
