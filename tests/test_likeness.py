"""Radiographs that are in a cohort twice are found, and hands that look alike are not."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd
import pytest

from boneage_lib.data import close_pairs, inspect_images, pairs_by_split, write_phantoms
from boneage_lib.data.likeness import likeness, perceptual_hashes


@pytest.fixture(scope="module")
def hands(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    cohort = write_phantoms(tmp_path_factory.mktemp("hands") / "cohort", 30, 128, variation=0.25)
    return np.array(cohort.images)


def pairs_of(images: np.ndarray) -> pd.DataFrame:
    found = inspect_images(images)
    return close_pairs(found.thumbnails, found.measures["digest"].to_numpy())


def duplicates(images: np.ndarray) -> list[tuple[int, int]]:
    pairs = pairs_of(images)
    pairs = pairs[pairs["duplicate"]]
    return list(zip(pairs["first"], pairs["second"], strict=True))


def compressed(image: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", image, [1, 60])[1], cv2.IMREAD_GRAYSCALE))


def darkened(image: np.ndarray) -> np.ndarray:
    return (255 * (image / 255) ** 1.4).astype(np.uint8)


def shifted(image: np.ndarray) -> np.ndarray:
    return np.roll(image, (1, 1), (0, 1))


def mirrored(image: np.ndarray) -> np.ndarray:
    return image[:, ::-1]


def test_different_hands_are_no_duplicates(hands: np.ndarray) -> None:
    pairs = pairs_of(hands)
    assert len(pairs) >= 4  # there is something to look at all the same
    assert not pairs["duplicate"].any()
    assert pairs["likeness"].is_monotonic_decreasing


@pytest.mark.parametrize("copy", [compressed, darkened, shifted, mirrored])
def test_altered_copies_are_found(hands: np.ndarray, copy) -> None:  # type: ignore[no-untyped-def]
    both = np.concatenate([hands, copy(hands[4])[None], copy(hands[17])[None]])
    assert sorted(duplicates(both)) == [(4, 30), (17, 31)]
    found = pairs_of(both).iloc[0]
    assert bool(found["mirrored"]) == (copy is mirrored)
    assert not found["identical"]


def test_identical_pictures_come_first(hands: np.ndarray) -> None:
    pairs = pairs_of(np.concatenate([hands, hands[9:10]]))
    first = pairs.iloc[0]
    assert (first["first"], first["second"], first["bits"]) == (9, 30, 0)
    assert first["identical"] and first["duplicate"]
    assert first["likeness"] == pytest.approx(1, abs=1e-5)
    assert pairs["identical"].sum() == 1


def test_empty_pictures_are_alike_only_where_identical() -> None:
    images = np.zeros((3, 64, 64), np.uint8)
    images[2] = 1
    pairs = pairs_of(images)
    assert pairs["duplicate"].tolist() == [True, False, False]
    assert (pairs["likeness"] == 0).all()


def test_a_single_picture_has_no_pair(hands: np.ndarray) -> None:
    assert len(pairs_of(hands[:1])) == 0


def test_hashes_have_256_bits_and_ignore_brightness(hands: np.ndarray) -> None:
    thumbnails = inspect_images(hands).thumbnails
    hashes = perceptual_hashes(thumbnails)
    assert hashes.shape == (30, 4) and hashes.dtype == np.uint64
    assert (np.bitwise_count(hashes).sum(axis=1) == 128).all()
    brighter = perceptual_hashes((thumbnails // 2 + 60).astype(np.uint8))
    assert np.bitwise_count(hashes ^ brighter).sum(axis=1).max() < 48


def test_likeness_of_a_picture_and_its_negative(hands: np.ndarray) -> None:
    thumbnail = inspect_images(hands[:1]).thumbnails[0]
    assert likeness(thumbnail, thumbnail) == pytest.approx(1, abs=1e-5)
    assert likeness(thumbnail, 255 - thumbnail) < 0.5


def test_leaks_are_counted_apart() -> None:
    pairs = pd.DataFrame(
        {
            "first": [0, 0, 1],
            "second": [1, 2, 3],
            "duplicate": [True, True, False],
            "identical": [False, True, False],
        }
    )
    table = pairs_by_split(pairs, pd.Series(["train", "train", "test", "test"]))
    assert table.loc["within one split"].tolist() == [1, 1, 0]
    assert table.loc["across two splits"].tolist() == [2, 1, 1]
