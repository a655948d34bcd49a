"""The one affine warp against Keras' own ImageDataGenerator.

Keras counts (x, y) where this library counts (row, column): its `apply_transform` exchanges both
axes of its matrix, so that its ``tx``, drawn from the height's range, moves columns.
The same parameters therefore warp the transposed image there. As Table 2 gives both axes the same
symmetric ranges, the distributions agree; only the shear, a no-op at 0.01 degrees, slides along the
other axis.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras.src.legacy.preprocessing.image import ImageDataGenerator

from boneage_lib.inputs import (
    PATCHED_IMAGES,
    UNAUGMENTED,
    WHOLE_IMAGES,
    Augmentation,
    Recipe,
    apply_warp,
    crop,
    draw_view,
    random_corners,
    sample_warp,
)
from boneage_lib.paper import published

# Keras still calls SciPy's interpolation by its former place.
pytestmark = pytest.mark.filterwarnings("ignore:Please import `affine_transform`")

SIZE = 61


class Chosen:
    """Stands in for a random generator: `sample_warp` gets the chosen numbers, from -1 to 1."""

    def __init__(self, *numbers: float, flip: bool) -> None:
        self.numbers = [(number + 1) / 2 for number in numbers] + [0.25 if flip else 0.75]

    def random(self, size: int) -> np.ndarray:
        assert size == len(self.numbers)
        return np.array(self.numbers)


def generator(augmentation: Augmentation = UNAUGMENTED) -> ImageDataGenerator:
    """Keras' generator with the same ranges."""
    return ImageDataGenerator(
        rotation_range=augmentation.rotation_degrees,
        width_shift_range=augmentation.width_shift,
        height_shift_range=augmentation.height_shift,
        shear_range=augmentation.shear_degrees,
        zoom_range=augmentation.zoom,
        horizontal_flip=augmentation.horizontal_flip,
        fill_mode="nearest",
        interpolation_order=1,
        data_format="channels_last",
    )


def smooth_image(size: int = SIZE) -> np.ndarray:
    """Slopes of at most some five grey levels a pixel, different along every direction."""
    row, column = np.mgrid[:size, :size] / size
    waves = np.sin(5 * row + 1) * np.cos(4 * column) + 0.4 * row - 0.3 * column
    return np.asarray(127.5 + 80 * waves).clip(0, 255).astype(np.uint8)


def keras_warp(image: np.ndarray, **parameters: float) -> np.ndarray:
    """Keras' answer, float, its axes exchanged to ours."""
    turned = image.T[..., None].astype("float64")
    parameters["flip_vertical"] = parameters.pop("flip_horizontal", False)
    return np.asarray(generator().apply_transform(turned, parameters)[..., 0]).T


#: (rotation degrees, shift down, shift across, shear degrees, zoom down, zoom across, flip).
CASES = {
    "rotation": (5.0, 0.0, 0.0, 0.0, 1.0, 1.0, False),
    "shift down": (0.0, 0.07, 0.0, 0.0, 1.0, 1.0, False),
    "shift across": (0.0, 0.0, -0.1, 0.0, 1.0, 1.0, False),
    "shear": (0.0, 0.0, 0.0, 8.0, 1.0, 1.0, False),
    "zoom": (0.0, 0.0, 0.0, 0.0, 0.8, 1.2, False),
    "flip": (0.0, 0.0, 0.0, 0.0, 1.0, 1.0, True),
    "all at once": (-4.0, 0.06, -0.08, 3.0, 1.25, 0.75, True),
}


def ours(case: tuple[Any, ...], size: int = SIZE) -> np.ndarray:
    """`sample_warp`'s matrix for the parameters of a case."""
    theta, down, across, shear, zoom_down, zoom_across, flip = case
    unit = Augmentation(1.0, 1.0, 1.0, 1.0, 1.0, True)
    chosen = Chosen(theta, down, across, shear, zoom_down - 1, zoom_across - 1, flip=flip)
    return sample_warp(unit, size, chosen)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", CASES)
def test_a_warped_image_is_keras_up_to_one_grey_level(name: str) -> None:
    theta, down, across, shear, zoom_down, zoom_across, flip = CASES[name]
    image = smooth_image()
    expected = keras_warp(
        image,
        theta=theta,
        tx=down * SIZE,
        ty=across * SIZE,
        shear=shear,
        zx=zoom_down,
        zy=zoom_across,
        flip_horizontal=flip,
    )
    found = apply_warp(image, ours(CASES[name]), SIZE)
    assert found.dtype == np.uint8
    # OpenCV rounds to whole grey levels and may read at 1/32 px; the image's slopes are gentle.
    assert np.abs(found - expected).max() <= 1
    assert np.abs(image - expected).max() > 10


@pytest.mark.parametrize("name", CASES)
def test_the_matrix_is_where_keras_looks(name: str) -> None:
    theta, down, across, shear, zoom_down, zoom_across, flip = CASES[name]
    row, column = (grid.astype("float64") for grid in np.mgrid[:SIZE, :SIZE])
    parameters = {
        "theta": theta,
        "tx": down * SIZE,
        "ty": across * SIZE,
        "shear": shear,
        "zx": zoom_down,
        "zy": zoom_across,
        "flip_horizontal": flip,
    }
    looked = ours(CASES[name]) @ np.stack([row, column, np.ones_like(row)]).reshape(3, -1)
    looked = looked[:2].reshape(2, SIZE, SIZE)
    inside = ((looked >= 0) & (looked <= SIZE - 1)).all(axis=0)
    assert inside.mean() > 0.5
    # Warping the images of row and of column numbers shows where Keras reads each pixel.
    for axis, numbers in enumerate((row, column)):
        seen = keras_warp(numbers, **parameters)
        np.testing.assert_allclose(seen[inside], looked[axis][inside], atol=1e-9)


@pytest.mark.parametrize("augmentation", [WHOLE_IMAGES, PATCHED_IMAGES], ids=["whole", "patched"])
def test_sampled_matrices_are_distributed_as_keras_draws_them(augmentation: Augmentation) -> None:
    draws, size = 4_000, 500
    keras_draws = generator(augmentation)
    np.random.seed(0)  # Keras' generator draws from NumPy's global state.
    expected, found = [], []
    rng = np.random.default_rng(0)
    for _ in range(draws):
        drawn = keras_draws.get_random_transform((size, size, 1))
        case = (drawn["theta"], drawn["tx"] / size, drawn["ty"] / size, drawn["shear"])
        zooms_flip = (drawn["zx"], drawn["zy"], bool(drawn["flip_horizontal"]))
        expected.append(ours((*case, *zooms_flip), size)[:2].ravel())
        found.append(sample_warp(augmentation, size, rng)[:2].ravel())
    theirs, mine = np.array(expected), np.array(found)
    spread = theirs.std(axis=0)
    standard_error = spread * np.sqrt(2 / draws)
    assert (np.abs(mine.mean(axis=0) - theirs.mean(axis=0)) <= 4 * standard_error + 1e-9).all()
    # All second moments, of each entry and of each pair of entries, in units of Keras' spread.
    varies = spread > 1e-9
    products = []
    for entries in (theirs, mine):
        scaled = (entries - theirs.mean(axis=0))[:, varies] / spread[varies]
        products.append(scaled[:, :, None] * scaled[:, None, :])  # (draws, entries, entries)
    gap = np.abs(products[0].mean(axis=0) - products[1].mean(axis=0))
    variances = products[0].var(axis=0) + products[1].var(axis=0)
    assert (gap <= 4 * np.sqrt(variances / draws) + 1e-9).all()
    for low_or_high in (np.min, np.max):
        gap = np.abs(low_or_high(mine, axis=0) - low_or_high(theirs, axis=0))
        assert (gap <= 0.2 * spread + 1e-9).all()


def test_table_2_is_what_whole_radiographs_get() -> None:
    names = {"shear_degrees": "shear"}
    for name, value in vars(WHOLE_IMAGES).items():
        assert published.TABLE_2[names.get(name, name)] == value
    assert PATCHED_IMAGES.rotation_degrees == published.number("patch_rotation")
    assert Augmentation(5.0, horizontal_flip=True) == PATCHED_IMAGES


@given(st.integers(1, 200), st.integers(0, 2**32))
def test_unaugmented_is_the_identity_for_every_seed(size: int, seed: int) -> None:
    warp = sample_warp(UNAUGMENTED, size, np.random.default_rng(seed))
    np.testing.assert_array_equal(warp, np.eye(3))


@given(st.data(), st.integers(1, 50), st.integers(1, 50), st.integers(0, 2**32))
def test_the_identity_gives_back_any_window_of_any_image(
    data: st.DataObject, height: int, width: int, seed: int
) -> None:
    """Copied where nothing has to be interpolated, and through the interpolation alike."""
    image = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    side = data.draw(st.integers(1, min(height, width)))
    top = data.draw(st.integers(0, height - side))
    left = data.draw(st.integers(0, width - side))
    for identity in (np.eye(3), np.eye(3) + 1e-12):
        window = apply_warp(image, crop(identity, top, left), side)
        np.testing.assert_array_equal(window, image[top : top + side, left : left + side])


def test_the_identity_gives_back_every_byte() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8)
    np.testing.assert_array_equal(apply_warp(image, np.eye(3), 40), image)
    nearly = np.eye(3) + 1e-12  # not taken as a mere window: goes through the interpolation
    np.testing.assert_array_equal(apply_warp(image, nearly, 40), image)


@pytest.mark.parametrize("size", [40, 41])
def test_half_of_the_draws_are_mirrored_exactly(size: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (size, size), dtype=np.uint8)
    flipping = Augmentation(horizontal_flip=True)
    rng = np.random.default_rng(0)
    mirrored = 0
    for _ in range(400):
        found = apply_warp(image, sample_warp(flipping, size, rng), size)
        if (found == image[:, ::-1]).all():
            mirrored += 1
        else:
            np.testing.assert_array_equal(found, image)
    assert 160 < mirrored < 240


def test_without_flip_no_draw_is_mirrored() -> None:
    augmentation = replace(WHOLE_IMAGES, horizontal_flip=False)
    rng = np.random.default_rng(0)
    for _ in range(100):
        assert np.linalg.det(sample_warp(augmentation, 100, rng)[:2, :2]) > 0


@given(st.integers(0, 2**32), st.integers(0, 30), st.integers(0, 30))
def test_a_crop_of_a_warp_is_the_warped_image_cropped(seed: int, top: int, left: int) -> None:
    image = smooth_image()
    warp = sample_warp(WHOLE_IMAGES, SIZE, np.random.default_rng(seed))
    whole = apply_warp(image, warp, SIZE).astype(int)
    window = apply_warp(image, crop(warp, top, left), 30).astype(int)
    # One grey level: OpenCV may round the two origins to different 1/32 px.
    assert np.abs(window - whole[top : top + 30, left : left + 30]).max() <= 1


def test_a_window_of_the_identity_is_cut_without_interpolation() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8)
    window = apply_warp(image, crop(np.eye(3), 7, 11), 20)
    np.testing.assert_array_equal(window, image[7:27, 11:31])


@pytest.mark.parametrize(("down", "across"), [(-5, 0), (0, 8), (30, -30)])
def test_whole_pixel_shifts_beyond_the_border_repeat_it(down: int, across: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8)
    row = np.clip(np.arange(40) + down, 0, 39)
    column = np.clip(np.arange(40) + across, 0, 39)
    found = apply_warp(image, crop(np.eye(3), down, across), 40)
    np.testing.assert_array_equal(found, image[np.ix_(row, column)])


def test_table_2s_shear_moves_no_pixel_by_a_tenth() -> None:
    for sign in (-1, 1):
        warp = ours((0.0, 0.0, 0.0, sign * WHOLE_IMAGES.shear_degrees, 1.0, 1.0, False), 500)
        corners = np.array([[0, 0, 499, 499], [0, 499, 0, 499], [1, 1, 1, 1]])
        moved = np.abs(warp @ corners - corners).max()
        assert 0 < moved < 0.1


def plain_view(image: np.ndarray, image_id: int, view: int, recipe: Recipe) -> np.ndarray:
    """`draw_view` by its definition: Keras' chain of matrices, one OpenCV call a patch."""
    rng = np.random.default_rng([3, image_id, view])
    ranges, size = recipe.augmentation, len(image)
    theta = np.deg2rad(rng.uniform(-1, 1) * ranges.rotation_degrees)
    down = rng.uniform(-1, 1) * ranges.height_shift * size
    across = rng.uniform(-1, 1) * ranges.width_shift * size
    shear = np.deg2rad(rng.uniform(-1, 1) * ranges.shear_degrees)
    zooms = 1 + rng.uniform(-1, 1, 2) * ranges.zoom
    mirrored = rng.random() < 0.5 and ranges.horizontal_flip

    def moved(down: float, across: float) -> np.ndarray:
        return np.array([[1, 0, down], [0, 1, across], [0, 0, 1]])

    cos, sin = np.cos(theta), np.sin(theta)
    warp = moved(size / 2 - 0.5, size / 2 - 0.5)
    warp = warp @ np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]) @ moved(down, across)
    warp = warp @ np.array([[1, -np.sin(shear), 0], [0, np.cos(shear), 0], [0, 0, 1]])
    warp = warp @ np.diag([*zooms, 1]) @ moved(0.5 - size / 2, 0.5 - size / 2)
    if mirrored:
        warp = warp @ np.array([[1, 0, 0], [0, -1, size - 1], [0, 0, 1]])
    corners = np.zeros((1, 2), int)
    if recipe.patch_count:
        corners = random_corners(recipe.patch_count, recipe.patch_size, size, rng)
    side, views = recipe.side(size), []
    for corner in corners:
        xy = (warp @ moved(*corner))[[1, 0, 2]][:, [1, 0, 2]][:2]
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        border = cv2.BORDER_REPLICATE
        views.append(cv2.warpAffine(image, xy, (side, side), flags=flags, borderMode=border))
    return np.stack(views)


@pytest.mark.parametrize("ranges", [WHOLE_IMAGES, PATCHED_IMAGES, UNAUGMENTED])
@pytest.mark.parametrize("patches", [(0, 0), (7, 9), (3, 30)])
def test_views_are_their_definition_byte_by_byte(
    ranges: Augmentation, patches: tuple[int, int]
) -> None:
    recipe = Recipe(ranges, *patches)
    noise = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE), dtype=np.uint8)
    for image_id in range(60):
        expected = plain_view(noise, image_id, image_id % 4, recipe)
        found = draw_view(noise, image_id, image_id % 4, recipe, seed=3)
        np.testing.assert_array_equal(found, expected)


def test_views_stay_what_earlier_versions_drew() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE), dtype=np.uint8)
    # Mirrored patches: no interpolation, so that every processor gives the same bytes.
    recipe = Recipe(Augmentation(horizontal_flip=True), 5, 20)
    drawn = hashlib.sha256()
    for view in range(20):
        drawn.update(draw_view(noise, 1377, view, recipe, seed=1).tobytes())
    assert drawn.hexdigest()[:16] == "05c719a12bc0789d"
    warp = sample_warp(WHOLE_IMAGES, 500, np.random.default_rng([1, 1377, 2]))
    expected = [
        [1.0343428782066717, 0.05826897703635221, -16.07820551346879],
        [0.04983056917771991, -1.210477776587341, 499.2993990830058],
    ]
    np.testing.assert_allclose(warp[:2], expected, rtol=1e-12)
