"""Measures of radiographs, flags, ids and file sizes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from boneage_lib.data import (
    FLAGS,
    file_sizes,
    flags,
    id_ranges,
    inspect_images,
    nearest_to_flags,
    write_phantoms,
)
from boneage_lib.data.histogram import draw_labels
from boneage_lib.errors import InputError


@pytest.fixture(scope="module")
def hands(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    cohort = write_phantoms(tmp_path_factory.mktemp("hands") / "cohort", 24, 128, variation=0.25)
    return np.array(cohort.images)


def shares(images: np.ndarray) -> dict[str, float]:
    return {
        str(flag): share for flag, share in flags(inspect_images(images).measures).mean().items()
    }


def test_synthetic_hands_raise_no_flag(hands: np.ndarray) -> None:
    assert shares(hands) == dict.fromkeys(FLAGS, 0)


def test_inverted_hands_are_flagged(hands: np.ndarray) -> None:
    found = shares(255 - hands)
    assert found["inverted"] == 1
    assert found["cut off"] == found["nearly empty"] == 0


@pytest.mark.parametrize("filling", [0, 128, 255])
def test_cut_off_hands_are_flagged(hands: np.ndarray, filling: int) -> None:
    cut = hands.copy()
    cut[:, 80:] = filling
    assert shares(cut)["cut off"] > 0.95


def test_a_black_frame_is_not_a_cut(hands: np.ndarray) -> None:
    framed = np.zeros_like(hands)
    framed[:, 10:100, 20:108] = hands[:, :90, :88]
    assert shares(framed)["cut off"] == 0


def test_a_white_margin_is_neither_inverted_nor_normal(hands: np.ndarray) -> None:
    margin = np.full_like(hands, 255)
    margin[:, 24:124, 14:114] = hands[:, 14:114, 14:114]
    found = shares(margin)
    assert found["inverted"] == 0
    assert found["bright surround"] > 0.9
    assert found["burnt out"] == 1


def test_empty_pictures_are_flagged_as_that_alone() -> None:
    empty = np.full((3, 64, 64), 90, np.uint8)
    empty[1] += np.random.default_rng(0).integers(0, 8, (64, 64), dtype=np.uint8)
    assert shares(empty) == {**dict.fromkeys(FLAGS, 0), "nearly empty": 1}


def test_measures_are_those_of_the_pixels() -> None:
    picture = np.zeros((1, 100, 100), np.uint8)
    picture[0, 30:80, 20:80] = 200
    picture[0, :, :3] = 255
    found = inspect_images(picture).measures.iloc[0]
    assert (found["p1"], found["p50"], found["p99"]) == (0, 0, 255)
    assert found["white"] == pytest.approx(0.03)
    assert (found["background"], found["palm"]) == (0, 200)
    assert found["stands_out"] == pytest.approx(200 / 255)


def test_threads_change_nothing(hands: np.ndarray) -> None:
    one, many = inspect_images(hands, threads=1), inspect_images(hands, threads=5)
    pd.testing.assert_frame_equal(one.measures, many.measures)
    np.testing.assert_array_equal(one.thumbnails, many.thumbnails)
    assert one.thumbnails.shape == (24, 64, 64)
    assert one.measures["digest"].nunique() == 24


def test_what_comes_nearest_to_a_flag_is_what_raises_it(hands: np.ndarray) -> None:
    odd = hands.copy()
    odd[3], odd[5] = 255 - odd[3], 70
    odd[7, 80:] = 128
    nearest = nearest_to_flags(inspect_images(odd).measures)
    assert list(nearest) == list(FLAGS)
    assert (nearest["inverted"], nearest["nearly empty"], nearest["cut off"]) == (3, 5, 7)


@pytest.mark.parametrize(
    "images", [np.zeros((0, 8, 8), np.uint8), np.zeros((2, 8, 8)), np.zeros((8, 8), np.uint8)]
)
def test_other_arrays_are_refused(images: np.ndarray) -> None:
    with pytest.raises(InputError, match="expected uint8"):
        inspect_images(images)


def test_a_block_of_ids_has_no_others_between() -> None:
    labels = pd.DataFrame(
        {
            "id": [1, 2, 3, 10, 11, 20, 21],
            "split": ["train", "validation", "train"] + ["test"] * 2 + ["train", "validation"],
        }
    )
    table = id_ranges(labels).set_index("split")
    assert table.loc["test"].tolist() == [2, 10, 11, 0]
    assert table.loc["train"].tolist() == [3, 1, 20, 3]
    assert table.loc["validation"].tolist() == [2, 2, 21, 4]


def test_ids_of_drawn_labels_interleave() -> None:
    assert (id_ranges(draw_labels(60))["others_between"] > 0).all()


def test_file_sizes_count_every_kind() -> None:
    originals = pd.DataFrame(
        {
            "id": range(5),
            "width": [100, 200, 300, 50, 60],
            "height": [200, 200, 200, 50, 60],
            "bits": [8, 8, 8, 8, 16],
            "mode": ["grey", "grey", "grey", "RGB", "grey"],
        }
    )
    table = file_sizes(originals)
    assert table[["mode", "bits", "files"]].to_numpy().tolist() == [
        ["grey", 8, 3],
        ["RGB", 8, 1],
        ["grey", 16, 1],
    ]
    assert table.loc[0, "width 50%"] == 200
    assert table.loc[0, "aspect 25%"] == 0.75
