"""Grad-CAM against sums by hand and finite differences; occlusion; hands laid on each other."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from keras import ops
from tiny_reader import NORMALIZER, PATCH, SIZE, tiny_reader, weights_of

from boneage_lib.data.phantom import draw_radiograph
from boneage_lib.errors import InputError
from boneage_lib.evaluation.registration import Place, mean_place, moved, place, silhouette
from boneage_lib.evaluation.saliency import Saliency, grad_cam, occlusion, saliency
from boneage_lib.evaluation.saliency_summary import age_bands, saliency_numbers
from boneage_lib.evaluation.windows import MAP_SIDE, covering
from boneage_lib.networks import NETWORKS, FeatureScale, build_head
from boneage_lib.networks.gradients import gradient
from boneage_lib.report.closer_look import saliency_sentence

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")

SQUARES = SIZE // 8  # one for each position of the tiny base's feature map


def radiographs(n: int = 3, seed: int = 0) -> tuple[np.ndarray, pd.DataFrame]:
    images = np.random.default_rng(seed).integers(0, 256, (n, SIZE, SIZE)).astype(np.uint8)
    labels = pd.DataFrame(
        {"id": range(n), "female": np.arange(n) % 2, "boneage_months": np.linspace(30, 200, n)}
    )
    return images, labels


def base_maps(reader: object, images: np.ndarray) -> np.ndarray:
    return np.asarray(reader.extractor(images, maps=True)[1])  # type: ignore[attr-defined]


def test_the_gradient_of_a_sum_of_squares() -> None:
    x = np.arange(6, dtype="float32").reshape(2, 3)
    np.testing.assert_allclose(gradient(lambda tensor: tensor**2, x), 2 * x)


@pytest.mark.parametrize("name", ["inception_v3", "xception_attention"])
def test_the_gradient_of_a_head_is_that_of_finite_differences(name: str) -> None:
    shape = (12,) if NETWORKS[name].pooled else (3, 3, 4)
    head = build_head(name, shape, seed=1)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, *shape)).astype("float32")
    female = ops.convert_to_tensor(np.array([[0.0], [1.0]], "float32"))

    def answer(features: object) -> object:
        return head([ops.convert_to_tensor(features), female], training=False)

    found = gradient(answer, x).reshape(2, -1)
    for k in range(0, found.shape[1], 5):
        step = np.zeros(found.shape[1], "float32")
        step[k] = 1e-2
        step = step.reshape(1, *shape)
        difference = np.asarray(answer(x + step)) - np.asarray(answer(x - step))
        np.testing.assert_allclose(found[:, k], difference[:, 0] / 2e-2, atol=2e-3, rtol=2e-2)


@pytest.mark.long
def test_gradients_are_the_same_on_jax() -> None:
    pytest.importorskip("jax", reason="jax is not installed")
    code = (
        "import json, keras, numpy as np;"
        "from keras import ops;"
        "from boneage_lib.networks.gradients import gradient;"
        "from boneage_lib.networks import build_head;"
        "head = build_head('xception_attention', (3, 3, 4));"
        "rng = np.random.default_rng(0);"
        "head.set_weights([rng.normal(size=w.shape) / 5 for w in head.weights]);"
        "x = rng.normal(size=(2, 3, 3, 4)); sex = ops.ones((2, 1));"
        "found = gradient(lambda t: head([t, sex], training=False), x);"
        "print(json.dumps([keras.backend.backend(), found.tolist()]))"
    )
    found = {}
    for backend in ("tensorflow", "jax"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={
                **os.environ,
                "KERAS_BACKEND": backend,
                "JAX_PLATFORMS": "cpu",
                "PYTHONPATH": str(Path(__file__).parents[1]),
            },
            capture_output=True,
            text=True,
            check=True,
        )
        name, values = json.loads(done.stdout.splitlines()[-1])
        assert name == backend
        found[backend] = np.array(values)
    assert np.abs(found["jax"]).max() > 1e-3
    np.testing.assert_allclose(found["tensorflow"], found["jax"], atol=1e-5)


def test_grad_cam_of_a_linear_head_is_its_sum_taken_apart() -> None:
    reader = tiny_reader("xception", linear=True)
    images, labels = radiographs()
    female = labels["female"].to_numpy()
    maps = base_maps(reader, images)
    cams = grad_cam(reader, maps, female)
    expected = maps @ weights_of(reader) * NORMALIZER.std_months / maps.shape[1] ** 2
    np.testing.assert_allclose(cams, expected, rtol=1e-4, atol=1e-4)
    sex_and_bias = female * reader.head.get_weights()[0][-1, 0] + 0.2
    z = reader.answers_z(maps.mean(axis=(1, 2))[:, None], female)[:, 0]
    summed = cams.sum(axis=(1, 2)) / NORMALIZER.std_months + sex_and_bias
    np.testing.assert_allclose(summed, z, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["xception", "xception_attention"])
def test_scaled_features_are_explained_as_the_head_takes_them(name: str) -> None:
    plain = tiny_reader(name)
    images, labels = radiographs()
    maps, female = base_maps(plain, images), labels["female"].to_numpy()
    scale = FeatureScale.fit(maps)
    scaled = tiny_reader(name, scale=scale)
    found = grad_cam(scaled, maps, female)
    np.testing.assert_allclose(found, grad_cam(plain, scale(maps), female), rtol=1e-4, atol=1e-5)
    assert found.dtype == np.float32 and found.shape == maps.shape[:3]


@pytest.mark.parametrize("name", NETWORKS)
def test_maps_come_with_the_answers_they_explain(name: str) -> None:
    reader = tiny_reader(name)
    images, labels = radiographs(5)
    seen = saliency(reader, images, labels)
    assert seen.maps.shape == (5, MAP_SIDE, MAP_SIDE) and seen.maps.dtype == np.float32
    np.testing.assert_allclose(np.median(seen.maps, axis=(1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(seen.strength.mean(axis=(1, 2)), 1, rtol=1e-4)
    if not reader.spec.patches:
        months = reader.months(images, labels["female"].to_numpy(), labels["id"].to_numpy())
        np.testing.assert_allclose(seen.labels["predicted_months"], months, atol=1e-3)


def test_patches_cover_the_radiograph() -> None:
    corners, side = covering(tiny_reader("resnet50_patches"), SIZE)
    assert side == PATCH and len(corners) == 16
    seen = np.zeros((SIZE, SIZE), int)
    for top, left in corners:
        seen[top : top + side, left : left + side] += 1
    assert seen.min() == 1 and corners.min() == 0 and corners.max() == SIZE - PATCH
    corners, side = covering(tiny_reader("xception"), SIZE)
    assert side == SIZE and corners.tolist() == [[0, 0]]


def test_covering_a_square_takes_what_a_linear_network_saw_in_it() -> None:
    """Each square is one position of the feature map, so that both checks are exact."""
    reader = tiny_reader("xception", linear=True)
    images, labels = radiographs()
    images[:, :3] = images[:, :, :3] = images[:, :, -3:] = 70  # the grey around the hand
    female = labels["female"].to_numpy()
    covered = occlusion(reader, images, labels, SQUARES)
    cams = grad_cam(reader, base_maps(reader, images), female)
    grey = grad_cam(reader, base_maps(reader, np.full_like(images, 70)), female)
    np.testing.assert_allclose(covered, cams - grey, atol=2e-3)
    numbers = saliency_numbers(*[saliency(reader, images, labels)] * 2, covered)
    assert numbers["rank_correlation"] > 0.9 and numbers["cases"] == 3


@pytest.mark.parametrize("name", ["inception_v3", "xception_attention", "resnet50_patches"])
def test_a_bright_square_that_alone_decides_is_found(name: str) -> None:
    images = np.zeros((2, SIZE, SIZE), np.uint8)
    images[0, 16:24, 48:56] = 255
    images[1, 56:64, 8:16] = 255
    labels = pd.DataFrame({"id": [1, 2], "female": [0, 1], "boneage_months": [50.0, 150.0]})
    covered = np.abs(occlusion(tiny_reader(name), images, labels, SQUARES))
    for found, at in zip(covered, [(2, 6), (7, 1)], strict=True):
        assert np.unravel_index(found.argmax(), found.shape) == at
        found[at] = 0
        assert found.max() < 1e-4, "covering black with black changes nothing"


@pytest.mark.parametrize("name", ["inception_v3", "resnet50_patches"])
def test_grad_cam_finds_the_bright_square_too(name: str) -> None:
    images = np.zeros((1, SIZE, SIZE), np.uint8)
    images[0, 16:24, 48:56] = 255
    labels = pd.DataFrame({"id": [1], "female": [0], "boneage_months": [50.0]})
    strength = saliency(tiny_reader(name), images, labels).strength[0]
    row, column = np.unravel_index(strength.argmax(), strength.shape)
    assert abs(row / MAP_SIDE - 20 / SIZE) < 0.08 and abs(column / MAP_SIDE - 52 / SIZE) < 0.08


@pytest.mark.parametrize("squares", [0, SIZE + 1])
def test_squares_of_no_pixel_are_refused(squares: int) -> None:
    with pytest.raises(InputError, match=f"squares={squares}"):
        occlusion(tiny_reader("xception"), *radiographs(1), squares)


def test_images_without_labels_are_refused() -> None:
    images, labels = radiographs(2)
    for look in (saliency, occlusion):
        with pytest.raises(InputError, match="2 images and 1 labels"):
            look(None, images, labels[:1])  # type: ignore


# Hands laid on each other


def hand(row: float, column: float, scale: float, size: int = 256) -> np.ndarray:
    """A palm and four fingers in grey on black."""
    image = np.zeros((size, size), np.uint8)

    def point(x: float, y: float) -> tuple[int, int]:
        return round(size * (column + scale * x)), round(size * (row + scale * y))

    axes = round(size * scale * 0.18), round(size * scale * 0.2)
    cv2.ellipse(image, point(0, 0.15), axes, 0, 0, 360, 150, cv2.FILLED)
    for x in (-0.14, -0.05, 0.05, 0.14):
        cv2.rectangle(image, point(x - 0.03, -0.3), point(x + 0.03, 0.2), 120, cv2.FILLED)
    return image


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


def test_shifted_and_scaled_hands_are_laid_on_each_other() -> None:
    hands = [hand(0.5, 0.5, 1.0), hand(0.45, 0.6, 0.8), hand(0.55, 0.42, 1.1)]
    masks = [silhouette(picture) for picture in hands]
    assert all(mask is not None for mask in masks)
    places = [place(mask) for mask in masks if mask is not None]
    common = mean_place(places)
    aligned = [moved(p, own, common) > 60 for p, own in zip(hands, places, strict=True)]
    for other in (1, 2):
        assert overlap(hands[0] > 60, hands[other] > 60) < 0.75
        assert overlap(aligned[0], aligned[other]) > 0.93


def test_a_hand_at_its_place_stays() -> None:
    picture = hand(0.5, 0.5, 1.0)
    mask = silhouette(picture)
    assert mask is not None
    own = place(mask)
    np.testing.assert_array_equal(moved(picture, own, own), picture)
    shifted = moved(picture, own, Place(own.row + 16 / 256, own.column, own.extent))
    np.testing.assert_array_equal(shifted[16:], picture[:-16])
    assert moved(np.zeros((8, 8), np.float32), own, own).dtype == np.float32


def test_the_silhouette_of_a_phantom_is_its_hand() -> None:
    picture = draw_radiograph(120, True, 200, np.random.default_rng(0), variation=0.25)
    mask = silhouette(picture)
    assert mask is not None and 0.1 < mask.mean() < 0.4
    small = cv2.resize(picture, mask.shape, interpolation=cv2.INTER_AREA)
    assert small[mask].mean() > 2 * small[~mask].mean()


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((64, 64), np.uint8),
        np.full((64, 64), 9, np.uint8),
        np.pad(np.full((6, 6), 200, np.uint8), 29),
    ],
)
def test_a_picture_without_a_hand_has_no_silhouette(picture: np.ndarray) -> None:
    assert silhouette(picture) is None


def seen_hands() -> Saliency:
    images = np.stack([hand(0.5, 0.5, 1.0), hand(0.45, 0.55, 0.8), np.zeros((256, 256), np.uint8)])
    labels = pd.DataFrame(
        {
            "id": [1, 2, 3],
            "female": [0, 1, 0],
            "boneage_months": [60.0, 119.0, 200.0],
            "predicted_months": [70.0, 119.0, 180.0],
        }
    )
    maps = np.zeros((3, MAP_SIDE, MAP_SIDE), np.float32)
    maps[:2] = [
        cv2.resize(i, (MAP_SIDE, MAP_SIDE), interpolation=cv2.INTER_AREA) for i in images[:2]
    ]
    maps[1] *= -1
    return Saliency(images, labels, maps)


def test_bands_average_registered_hands() -> None:
    (band,) = age_bands(seen_hands())  # 60 opens the second band; the third has no hand
    assert (band.low, band.high, band.n) == (60, 120, 2)
    assert band.radiograph.shape == (256, 256)
    assert band.strength.shape == (MAP_SIDE, MAP_SIDE)
    mask = silhouette(np.asarray(band.radiograph.round(), np.uint8))
    assert mask is not None
    inside = cv2.resize(mask.astype("float32"), (MAP_SIDE, MAP_SIDE), interpolation=cv2.INTER_AREA)
    assert (band.strength * inside).sum() > 0.85 * band.strength.sum(), "whatever the sign"


def test_numbers_of_maps_that_lie_on_the_hand() -> None:
    seen = seen_hands()
    covered = np.stack([cv2.resize(m, (8, 8), interpolation=cv2.INTER_AREA) for m in seen.maps])
    covered[1] *= -1
    numbers = saliency_numbers(seen, seen, covered)
    assert numbers["n"] == 2 and numbers["inside_hand"] > 0.85
    assert 0.1 < numbers["hand_area"] < 0.3
    assert numbers["cases"] == 2, "a map without any effect ranks nothing"
    assert numbers["rank_correlation"] == pytest.approx(0, abs=1e-6)  # 1 and -1
    assert numbers["rank_correlation_ci"] is numbers["inside_hand_ci"] is None, "of two cases"
    assert json.loads(json.dumps(numbers)) == numbers
    words = saliency_sentence(numbers).data
    assert "2 test radiographs" in words and "2 radiographs with the worst errors" in words
    assert not re.search(r"\d to ", words)
    many = Saliency(
        np.concatenate([seen.images[:2]] * 5),
        pd.concat([seen.labels[:2]] * 5, ignore_index=True),
        np.concatenate([seen.maps[:2]] * 5),
    )
    numbers = saliency_numbers(many, many, np.concatenate([covered[:2]] * 5))
    low, high = numbers["rank_correlation_ci"]
    assert -1 <= low < numbers["rank_correlation"] < high <= 1
    assert re.search(r"\d to ", saliency_sentence(numbers).data)


def test_numbers_without_hand_or_effect() -> None:
    seen = seen_hands()
    nothing = Saliency(seen.images[2:], seen.labels[2:], seen.maps[2:])
    numbers = saliency_numbers(nothing, nothing, np.zeros((1, 8, 8), np.float32))
    assert numbers["n"] == numbers["cases"] == 0
    assert numbers["inside_hand"] is None and numbers["rank_correlation_ci"] is None
    assert saliency_sentence(numbers).data == "No radiograph shows a hand's silhouette."


def test_ops_are_those_of_the_backend() -> None:
    assert gradient(lambda x: ops.sum(x * x, axis=1), np.ones((2, 3))).dtype == np.float32
