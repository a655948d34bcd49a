"""Square patches at random places or on a grid, and their pixel budget (section IV, Table 5)."""

from __future__ import annotations

import numpy as np

from boneage_lib.errors import InputError

#: Table 5: (patches a radiograph, side in pixels) at 500 × 500.
TABLE_5 = ((3, 224), (9, 128), (36, 64), (150, 32))
#: The least side that ResNet50 takes, pixels.
SMALLEST_PATCH = 32


def random_corners(
    count: int, patch_size: int, image_size: int, rng: np.random.Generator
) -> np.ndarray:
    """Top-left corners of ``count`` random patches, each wholly inside the image.

    Returns:
        int64 (count, 2) of (row, column), uniform over all positions; patches may overlap.

    Raises:
        InputError: the patch is larger than the image, or no patch is asked for.
    """
    check_patches(count, patch_size, image_size)
    return rng.integers(0, image_size - patch_size, size=(count, 2), endpoint=True)


def grid_corners(image_size: int, patch_size: int, count: int = 7) -> np.ndarray:
    """Top-left corners of ``count`` × ``count`` patches that cover the whole radiograph.

    Section II: seven by seven patches of 224 pixels, evenly spaced over 500, are the 49
    overlapping patches of the challenge's second place.

    Args:
        image_size: side of the radiograph, pixels.
        patch_size: side of a patch, pixels.
        count: patches along each side.

    Returns:
        int64 (count², 2) of (row, column), row by row; the first and last lie on the borders, the
        others at even distances, to the nearest pixel.

    Raises:
        InputError: the patch is larger than the radiograph, no patch is asked for, or so few that
            they would leave gaps.
    """
    check_patches(count, patch_size, image_size)
    if count * patch_size < image_size:
        raise InputError(
            f"Found {count} patches of {patch_size} px along a radiograph of {image_size} px; "
            f"expected at least {-(-image_size // patch_size)}, which leave no gap."
        )
    places = np.rint(np.linspace(0, image_size - patch_size, count)).astype(np.int64)
    return np.stack(np.meshgrid(places, places, indexing="ij"), axis=-1).reshape(-1, 2)


def check_patches(count: int, patch_size: int, image_size: int) -> None:
    """Raise InputError unless ``count`` patches of ``patch_size`` px fit ``image_size`` px."""
    if count < 1 or not 1 <= patch_size <= image_size:
        raise InputError(
            f"Found {count} patches of {patch_size} px for radiographs of {image_size} px; "
            "expected at least one patch, no larger than the radiograph. Set patch_count and "
            "patch_size, or prepare the cohort at a larger --size."
        )


def pixel_budget(count: int, patch_size: int, image_size: int = 500) -> tuple[int, float]:
    """Pixels that a set of patches shows to the network, and their share of the whole image."""
    pixels = count * patch_size**2
    return pixels, pixels / image_size**2


def scaled_patch(patch_size: int, image_size: int) -> int:
    """A patch of 500-pixel radiographs at another image size: the same share of the hand.

    Sides below ResNet50's least become that; the pixel budget then grows.
    """
    return max(round(patch_size * image_size / 500), SMALLEST_PATCH)


def table_5_at(image_size: int) -> tuple[tuple[int, int], ...]:
    """Table 5's settings, (patches, side in pixels), at another image size.

    Patches keep their share of the hand. Those that would be smaller than ResNet50 takes get the
    least side that it takes, and so few of them that the pixel budget stays; such a setting is left
    out where the one before has hardly larger ones.
    """
    settings: list[tuple[int, int]] = []
    for count, side in TABLE_5:
        scaled = scaled_patch(side, image_size)
        if side * image_size / 500 < scaled - 0.5:  # more than rounding
            if settings and settings[-1][1] < 1.1 * scaled:
                continue
            budget = pixel_budget(count, side)[1]
            count = max(1, round(budget * image_size**2 / scaled**2))
        settings.append((count, scaled))
    return tuple(settings)
