"""Radiographs that are in a cohort twice: by digest, by perceptual hash, and by their detail.

Hands look alike. Among RSNA's 12,611 training radiographs the usual perceptual hash of 64 bits
(Zauner, Implementation and benchmarking of perceptual image hash functions, 2010) is the same for
168 pairs of different hands. So the hash has 256 bits here, only proposes pairs, and the detail of
bones and edges decides.
"""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd

HASH_SIDE = 16  # lowest frequencies a side: 256 bits
# Copies that were recompressed, brightened, halved in size or turned by a degree differ in 34 bits
# or fewer, nine of ten of those moved by a hundredth of the width in 48; different hands in 22 or
# more, so that no distance parts the two.
HASH_DISTANCE = 48
# Of such copies at 500 pixels, or cropped by a fiftieth, 99 of 100 reach this (nine of ten of those
# moved). Different hands within the distance reach 0.81 at 500 pixels, 0.90 at 100, and synthetic
# ones, all drawn after one plan, 0.95.
LIKENESS = 0.96
DETAIL = 3.0  # grain of what detail is, pixels of a thumbnail
SHIFT = 4  # up to which a radiograph is moved over the other, pixels of a thumbnail
WORTH_ADJUSTING = 0.5  # likeness after moving; true copies have more
MOST_PAIRS = 20_000  # compared in detail, the closest first
LEAST_PAIRS = 4  # compared in any case, so that there is something to look at

_CHUNK = 512


def perceptual_hashes(thumbnails: np.ndarray) -> np.ndarray:
    """256-bit perceptual hashes: which low frequencies exceed their median.

    The cosine transform of the thumbnail, its 16 × 16 lowest frequencies against their median, as
    the Python package imagehash takes ``phash(hash_size=16)``.

    Args:
        thumbnails: (n, 64, 64) uint8, see `inspect_images`.

    Returns:
        (n, 4) uint64.
    """
    hashes = np.empty((len(thumbnails), HASH_SIDE**2 // 8), np.uint8)
    for row, thumbnail in enumerate(thumbnails):
        # In single precision a frequency near the median lies on one side of it on one type of
        # processor, and on the other on another.
        low = cv2.dct(thumbnail.astype(np.float64))[:HASH_SIDE, :HASH_SIDE].ravel()
        hashes[row] = np.packbits(low > np.median(low))
    return hashes.view(np.uint64)


def likeness(first: np.ndarray, second: np.ndarray) -> float:
    """Correlation of two radiographs' detail, once one is laid over the other.

    Detail is what stands out from its surroundings, every part brought to about the same contrast,
    so that neither exposure nor the outline of a hand nor a lead marker decides. It is moved by up
    to four pixels and then, where that shows some likeness, adjusted by a small affine map.

    Args:
        first: thumbnail, (64, 64) uint8.
        second: thumbnail, (64, 64) uint8.

    Returns:
        -1 to 1; 0 where either has no detail at all.
    """
    whole, other = _detail(first), _detail(second)
    part = np.ascontiguousarray(other[SHIFT:-SHIFT, SHIFT:-SHIFT])
    if part.std() < 1e-6 or whole.std() < 1e-6:
        return 0.0
    moved = cv2.matchTemplate(whole, part, cv2.TM_CCOEFF_NORMED)
    found = float(np.clip(moved.max(), -1, 1))
    if found < WORTH_ADJUSTING:
        return found
    down, right = np.unravel_index(int(moved.argmax()), moved.shape)
    try:
        adjusted, _ = cv2.findTransformECC(
            part,
            whole,
            np.array([[1, 0, right], [0, 1, down]], np.float32),
            cv2.MOTION_AFFINE,
            (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 40, 1e-4),
            np.full(whole.shape, 255, np.uint8),
            1,
        )
    except cv2.error:  # no map found, or none that keeps the pictures on each other
        return found
    return max(found, min(float(adjusted), 1.0))


def close_pairs(
    thumbnails: np.ndarray,
    digests: np.ndarray,
    distance: int = HASH_DISTANCE,
    least: float = LIKENESS,
) -> pd.DataFrame:
    """Pairs of radiographs with close hashes, and which of them show the same picture.

    Also compares every radiograph with the others mirrored. Copies that are cropped by more than a
    fiftieth, turned by more than a few degrees or inverted may stay unfound, and so may one of ten
    of the others where radiographs have few pixels.

    Args:
        thumbnails: (n, 64, 64) uint8, see `inspect_images`.
        digests: (n,) digests of all pixels.
        distance: largest number of differing bits among 256; as much more as it takes to compare
            four pairs.
        least: least likeness of a duplicate, 0 to 1.

    Returns:
        One row a pair, the likest first: ``first`` and ``second`` (row numbers, first < second),
        ``bits`` (that differ), ``mirrored``, ``likeness`` (-1 to 1), ``identical`` (every pixel)
        and ``duplicate`` (identical, or likeness of ``least`` or more). Of more than 20,000 pairs
        the closest.
    """
    hashes = perceptual_hashes(thumbnails)
    flipped = perceptual_hashes(thumbnails[:, :, ::-1])
    parts = [_within(hashes, other, distance) for other in (hashes, flipped)]
    while sum(map(len, parts)) < LEAST_PAIRS and distance < HASH_SIDE**2:
        distance += 8  # a few hundred radiographs are seldom within it, and quickly compared again
        parts = [_within(hashes, other, distance) for other in (hashes, flipped)]
    pairs = pd.DataFrame(
        np.concatenate(parts), columns=["bits", "first", "second"], dtype=np.int64
    ).assign(mirrored=np.repeat([False, True], [len(part) for part in parts]))
    pairs = pairs.sort_values(["bits", "mirrored", "first", "second"]).head(MOST_PAIRS)
    pairs["likeness"] = [
        likeness(thumbnails[first], thumbnails[second][:, ::-1] if mirror else thumbnails[second])
        for first, second, mirror in zip(
            pairs["first"], pairs["second"], pairs["mirrored"], strict=True
        )
    ]
    # A pair may be close both ways, as any two symmetric pictures are: the likelier way counts.
    pairs = pairs.sort_values(["likeness", "mirrored"], ascending=[False, True])
    pairs = pairs.drop_duplicates(["first", "second"])
    digests = np.asarray(digests)
    pairs["identical"] = digests[pairs["first"]] == digests[pairs["second"]]
    pairs["duplicate"] = pairs["identical"] | (pairs["likeness"] >= least)
    order = ["identical", "likeness", "first", "second"]
    pairs = pairs.sort_values(order, ascending=[False, False, True, True], ignore_index=True)
    return pairs[["first", "second", "bits", "mirrored", "likeness", "identical", "duplicate"]]


def pairs_by_split(pairs: pd.DataFrame, split: pd.Series) -> pd.DataFrame:
    """How many pairs lie within a split, and how many in two: the latter leak.

    Args:
        pairs: of `close_pairs`.
        split: (n,) splits of the radiographs.

    Returns:
        One row for pairs within one split and one for pairs across two, with ``compared``
        (close hashes), ``duplicates`` and ``identical`` among them.
    """
    names = split.to_numpy()
    across = names[pairs["first"]] != names[pairs["second"]]
    return pd.DataFrame(
        {
            "compared": len(part),
            "duplicates": int(part["duplicate"].sum()),
            "identical": int(part["identical"].sum()),
        }
        for part in (pairs[~across], pairs[across])
    ).set_index(pd.Index(["within one split", "across two splits"], name="pairs"))


def _within(hashes: np.ndarray, others: np.ndarray, distance: int) -> np.ndarray:
    """Pairs (bits, first, second) of a hash and a later other one within a distance, (k, 3)."""
    found, columns = [np.empty((0, 3), np.int64)], np.ascontiguousarray(others.T)
    for start in range(0, len(hashes), _CHUNK):
        bits = np.zeros((min(_CHUNK, len(hashes) - start), len(hashes) - start), np.uint16)
        for word, other in zip(hashes[start : start + _CHUNK].T, columns, strict=True):
            bits += np.bitwise_count(word[:, None] ^ other[None, start:])
        first, second = np.nonzero(bits <= distance)
        later = second > first
        first, second = first[later], second[later]
        pairs = np.column_stack([bits[first, second], first + start, second + start])
        # Thousands of equal pictures would make millions of pairs.
        found.append(pairs[np.argsort(pairs[:, 0], kind="stable")[:MOST_PAIRS]])
    return np.concatenate(found)


def _detail(thumbnail: np.ndarray) -> np.ndarray:
    picture = thumbnail.astype(np.float32)
    picture -= cv2.GaussianBlur(picture, (0, 0), DETAIL)
    spread = np.sqrt(cv2.GaussianBlur(picture * picture, (0, 0), DETAIL))
    # The floor keeps the noise of an empty background from counting as much as bones.
    detail: np.ndarray = picture / (spread + 0.3 * picture.std() + 1e-3)
    return detail
