"""The four networks: Table 3's counts, the frozen base, what goes in and out."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from tiny import tiny_base

from boneage_lib.bases import BASES
from boneage_lib.errors import InputError
from boneage_lib.networks import (
    NETWORKS,
    FeatureScale,
    as_expected,
    build,
    build_head,
    frozen_backbone,
    heads,
)
from boneage_lib.paper import published

#: The smallest side that each network accepts, pixels.
SIZES = {name: BASES[network.backbone].minimum_size for name, network in NETWORKS.items()}


def array(tensor: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(tensor))


def count(weights: list[Any]) -> int:
    return sum(int(np.prod(weight.shape)) for weight in weights)


def inputs(size: int, n: int = 2, seed: int = 0) -> list[np.ndarray]:
    """RGB images in [-1, 1] and sexes."""
    rng = np.random.default_rng(seed)
    images = rng.uniform(-1, 1, (n, size, size, 3)).astype("float32")
    return [images, (np.arange(n, dtype="float32") % 2)[:, None]]


def same_weights(one: keras.Model, two: keras.Model) -> bool:
    pairs = zip(one.get_weights(), two.get_weights(), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


@pytest.fixture(scope="module")
def built() -> Callable[[str], keras.Model]:
    """Networks on their true bases at their smallest sizes, each made when first asked for."""
    models: dict[str, keras.Model] = {}

    def get(name: str) -> keras.Model:
        if name not in models:
            models[name] = build(name, SIZES[name])
        return models[name]

    return get


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks on a base of a few weights."""
    monkeypatch.setattr(heads, "frozen_backbone", tiny_base)


@pytest.mark.parametrize("name", published.TABLE_3)
def test_parameters_are_those_of_table_3(built: Callable[[str], keras.Model], name: str) -> None:
    printed, model = published.TABLE_3[name], built(name)
    trainable, frozen = count(model.trainable_weights), count(model.non_trainable_weights)
    assert (trainable, frozen) == (printed.trainable, printed.frozen)
    assert model.count_params() == printed.total == trainable + frozen


def test_table_3_prints_these_nine_numbers() -> None:
    assert {name: (r.total, r.trainable, r.frozen) for name, r in published.TABLE_3.items()} == {
        "inception_v3": (24_885_849, 3_083_065, 21_802_784),
        "xception": (20_882_365, 20_885, 20_861_480),
        "resnet50_patches": (23_616_427, 28_715, 23_587_712),
    }


@pytest.mark.parametrize(
    ("name", "feature_shape", "layers"),
    [
        (
            "inception_v3",
            (2048,),
            {"sex_encoding": 64, "dense_1": 2_081_000, "dense_2": 1_001_000, "bone_age_z": 1_001},
        ),
        ("xception", (2048,), {"sex_encoding": 64, "dense_1": 20_810, "bone_age_z": 11}),
        (
            "xception_attention",
            (16, 16, 2048),  # at 500 px
            {
                "spatial_attention": 8 * (9 * 2048 + 1),
                "sex_encoding": 64,
                "dense_1": (8 * 2048 + 32) * 10 + 10,
                "bone_age_z": 11,
            },
        ),
        ("resnet50_patches", (2048,), {"dense_1": 28_700, "bone_age_z": 15}),
    ],
)
def test_heads_consist_of_these_layers(
    name: str, feature_shape: tuple[int, ...], layers: dict[str, int]
) -> None:
    head = build_head(name, feature_shape)
    found = {layer.name: layer.count_params() for layer in head.layers if layer.count_params()}
    assert found == layers
    assert count(head.trainable_weights) == sum(layers.values()) == head.count_params()
    expected = 311_709 if name == "xception_attention" else published.TABLE_3[name].trainable
    assert head.count_params() == expected


def test_hidden_layers_have_the_printed_activations() -> None:
    shapes = {"xception_attention": (4, 4, 6)}
    for name, activations in {
        "inception_v3": {"dense_1": "tanh", "dense_2": "tanh"},
        "xception": {"dense_1": "relu"},
        "xception_attention": {"dense_1": "relu"},
        "resnet50_patches": {"dense_1": "relu"},
    }.items():
        head = build_head(name, shapes.get(name, (6,)))
        for layer, activation in (activations | {"bone_age_z": "linear"}).items():
            assert head.get_layer(layer).activation.__name__ == activation


@pytest.mark.parametrize("rate", [0.0, 0.35])
def test_dropout_lies_between_the_last_layers_of_inception_alone(rate: float) -> None:
    for name in NETWORKS:
        head = build_head(name, (4, 4, 6) if not NETWORKS[name].pooled else (6,), dropout=rate)
        rates = [layer.rate for layer in head.layers if isinstance(layer, keras.layers.Dropout)]
        assert rates == ([rate, rate] if name == "inception_v3" else [])


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_a_dropout_that_is_no_rate_is_refused(rate: float) -> None:
    with pytest.raises(InputError, match=f"dropout={rate}"):
        build_head("inception_v3", (6,), dropout=rate)


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("name", NETWORKS)
def test_images_and_sexes_go_in_and_one_number_each_comes_out(name: str) -> None:
    model = build(name, SIZES[name])
    size = SIZES[name]
    assert [tensor.name for tensor in model.inputs] == ["image", "female"]
    assert [tensor.shape for tensor in model.inputs] == [(None, size, size, 3), (None, 1)]
    assert model.name == name
    images, female = inputs(size, 3)
    answer = array(model({"image": images, "female": female}))
    assert answer.shape == (3, 1)
    np.testing.assert_array_equal(answer, array(model([images, female])))
    # Both inputs matter.
    assert not np.allclose(answer, array(model([images, 1 - female])))
    assert not np.allclose(answer, array(model([-images, female])))


def test_training_changes_the_head_and_not_one_bit_of_the_base(
    built: Callable[[str], keras.Model],
) -> None:
    model = built("resnet50_patches")
    base, head = model.get_layer("resnet50"), model.get_layer("resnet50_patches_head")
    norms = [layer for layer in base.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(norms) > 30
    base_before, head_before = base.get_weights(), head.get_weights()
    images, female = inputs(32, 4)
    # Eager, as compiling the whole graph would take longer than the steps.
    model.compile("adam", loss="mse", run_eagerly=True, jit_compile=False)
    for _ in range(2):
        # Bright images: their statistics are far from the stored ones.
        model.train_on_batch([images * 0.2 + 0.8, female], np.array([[3.0], [-3], [2], [-2]]))
    for before, after in zip(base_before, base.get_weights(), strict=True):
        np.testing.assert_array_equal(after, before)
    assert all((a != b).any() for a, b in zip(head_before, head.get_weights(), strict=True))
    head.set_weights(head_before)


@pytest.fixture
def keras_base(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Puts a small network for `keras.applications.ResNet50`; gives the arguments of its calls."""
    calls: list[dict[str, Any]] = []

    def small(**arguments: Any) -> keras.Model:
        calls.append(arguments)
        image = keras.Input(arguments["input_shape"])
        maps = keras.layers.Conv2D(4, 8, strides=8)(image)
        norm = keras.layers.BatchNormalization()(maps)
        return keras.Model(image, norm, name=arguments["name"])

    monkeypatch.setattr(keras.applications, "ResNet50", small)
    return calls


def test_the_seed_decides_the_initial_weights_of_a_base(keras_base: list[dict[str, Any]]) -> None:
    first, again, other = (frozen_backbone("resnet50", 32, seed=seed) for seed in (1, 1, 2))
    assert same_weights(first, again)
    assert not same_weights(first, other)


def test_a_base_is_frozen_without_its_top_in_the_precision_asked_for(
    keras_base: list[dict[str, Any]],
) -> None:
    before = keras.config.dtype_policy().name
    base = frozen_backbone("resnet50", 40, policy="mixed_bfloat16")
    assert keras_base[-1] == {
        "weights": None,
        "include_top": False,
        "input_shape": (40, 40, 3),
        "name": "resnet50",
    }
    assert base.trainable_weights == [] and len(base.weights) == 6
    assert {layer.dtype_policy.name for layer in base.layers[1:]} == {"mixed_bfloat16"}
    assert keras.config.dtype_policy().name == before == "float32"


@pytest.mark.parametrize("name", NETWORKS)
def test_the_seed_decides_the_initial_weights_of_a_head(name: str) -> None:
    shape = (6,) if NETWORKS[name].pooled else (2, 2, 6)
    first, again, other = (build_head(name, shape, seed=seed) for seed in (1, 1, 2))
    assert same_weights(first, again)
    assert not same_weights(first, other)


@pytest.mark.usefixtures("tiny")
def test_build_passes_its_seed_on() -> None:
    first, again, other = (build("xception", 71, seed=seed) for seed in (1, 1, 2))
    assert same_weights(first, again)
    assert not same_weights(first.get_layer("xception"), other.get_layer("xception"))
    assert not same_weights(first.get_layer("xception_head"), other.get_layer("xception_head"))


# Keras hands TensorFlow's variables to NumPy in a way that NumPy is about to drop.
saving = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")


def saved_and_loaded(model: keras.Model, folder: Path) -> keras.Model:
    path = folder / "network.keras"
    model.save(path)
    return keras.saving.load_model(path, compile=False, safe_mode=True)


@saving
@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("scaled", [False, True], ids=["bare", "feature scale"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_saved_network_answers_the_same_when_loaded_in_safe_mode(
    name: str, scaled: bool, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    scale = FeatureScale(rng.normal(size=4), 2.5) if scaled else None
    model = build(name, SIZES[name], feature_scale=scale)
    images = inputs(SIZES[name])
    loaded = saved_and_loaded(model, tmp_path)
    assert count(loaded.trainable_weights) == count(model.trainable_weights), "frozen stays frozen"
    np.testing.assert_array_equal(array(loaded(images)), array(model(images)))


@saving
def test_a_saved_network_that_holds_code_is_refused_though_the_library_is_loaded(
    tmp_path: Path,
) -> None:
    """Nothing here lifts Keras' own safe mode, so that a network from elsewhere runs no code."""
    image = keras.Input((2,))
    model = keras.Model(image, keras.layers.Lambda(lambda x: x + 1, output_shape=(2,))(image))
    model.save(tmp_path / "network.keras")
    with pytest.raises(ValueError, match="safe_mode=False"):
        keras.saving.load_model(tmp_path / "network.keras")


@pytest.mark.parametrize("name", ["vgg16", "Xception", "resnet50", ""])
def test_an_unknown_network_is_refused_and_the_four_are_named(name: str) -> None:
    with pytest.raises(InputError, match=f"network '{name}'.*" + ", ".join(NETWORKS)):
        build(name, 100)
    with pytest.raises(InputError, match=", ".join(NETWORKS)):
        build_head(name, (6,))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_side_below_the_minimum_is_refused(name: str) -> None:
    least = {"inception_v3": 75, "xception": 71, "xception_attention": 71, "resnet50_patches": 32}
    assert SIZES[name] == least[name]
    with pytest.raises(InputError, match=f"{least[name] - 1} px.*at least {least[name]} px"):
        build(name, least[name] - 1)


def test_a_missing_weights_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no weights at .*nowhere"):
        build("resnet50_patches", 32, tmp_path / "nowhere")


def test_an_ambiguous_weights_folder_is_refused(tmp_path: Path) -> None:
    for name in ("resnet50_a_notop.h5", "resnet50_b_notop.h5"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(InputError, match="resnet50_a_notop.h5, resnet50_b_notop.h5"):
        build("resnet50_patches", 32, tmp_path)


@pytest.mark.parametrize("content", ["another architecture", "no HDF5"])
def test_weights_that_do_not_fit_are_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "resnet50_notop.h5"
    if content == "no HDF5":
        file.write_bytes(b"<html>404</html>")
    else:
        with h5py.File(file, "w") as stored:
            stored.attrs["layer_names"] = [b"dense"]
            group = stored.create_group("dense")
            group.attrs["weight_names"] = [b"kernel"]
            group["kernel"] = np.zeros((2, 2))
    with pytest.raises(InputError, match="ImageNet weights of ResNet50 .*Give a folder"):
        build("resnet50_patches", 32, tmp_path)


def test_a_download_that_fails_says_what_to_do_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: Any, **__: Any) -> None:
        raise Exception("URL fetch failure on https://storage.googleapis.com: None")

    monkeypatch.setattr("keras.src.applications.resnet.file_utils.get_file", offline)
    with pytest.raises(InputError, match="ResNet50 from 'imagenet'.*URL fetch.*--weights random"):
        build("resnet50_patches", 32, "imagenet")


def test_caffe_form_is_what_keras_resnet50_preprocessing_gives() -> None:
    image, _ = inputs(32)
    form = array(as_expected(keras.ops.convert_to_tensor(image), "caffe"))
    expected = keras.applications.resnet50.preprocess_input(127.5 * (image + 1))
    np.testing.assert_allclose(form, expected, atol=1e-3)  # of a range of 255


def test_tf_form_is_the_image_itself() -> None:
    image, _ = inputs(8)
    np.testing.assert_array_equal(array(as_expected(image, "tf")), image)
    grey = 127.5 * (image + 1)
    expected = keras.applications.xception.preprocess_input(grey.copy())
    np.testing.assert_allclose(image, expected, atol=1e-6)


def test_an_unknown_input_form_is_refused() -> None:
    with pytest.raises(InputError, match="'torch'.*'tf' or 'caffe'"):
        as_expected(inputs(8)[0], "torch")


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("name", ["resnet50_patches", "xception"])
def test_a_network_gets_the_form_of_its_bases_weights_unless_told(name: str) -> None:
    images = inputs(SIZES[name])
    default = array(build(name, SIZES[name])(images))
    forms = {
        form: array(build(name, SIZES[name], input_form=form)(images)) for form in ("tf", "caffe")
    }
    expected = {"resnet50_patches": "caffe", "xception": "tf"}[name]
    np.testing.assert_array_equal(default, forms[expected])
    assert not np.allclose(forms["tf"], forms["caffe"])


@pytest.mark.parametrize("shape", [(50, 6), (20, 3, 3, 6)])
def test_feature_scale_centers_channels_and_keeps_their_proportions(
    shape: tuple[int, ...],
) -> None:
    rng = np.random.default_rng(0)
    features = 1e-5 * (rng.normal(size=shape) * np.arange(6) + rng.normal(size=6))
    features = features.astype("float32")
    scale = FeatureScale.fit(features)
    scaled = scale(features)
    assert scaled.dtype == np.float32 and scaled.shape == shape
    flat = scaled.reshape(-1, 6)
    np.testing.assert_allclose(flat.mean(axis=0), 0, atol=1e-4)
    assert np.sqrt(flat.var(axis=0).mean()) == pytest.approx(heads.FEATURE_SPREAD, rel=1e-4)
    before = features.reshape(-1, 6).std(axis=0)
    np.testing.assert_allclose(flat.std(axis=0), before * scale.scale, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(array(scale.layer()(features)), scaled, atol=1e-5)


def test_feature_scale_of_features_that_never_vary_is_finite() -> None:
    dead = np.full((5, 3), 0.25, dtype="float32")
    np.testing.assert_array_equal(FeatureScale.fit(dead)(dead), 0)


@pytest.mark.parametrize("name", published.TABLE_3)
def test_real_weights_load_into_the_base(built: Callable[[str], keras.Model], name: str) -> None:
    folder = os.environ.get("BONEAGE_WEIGHTS")
    if not folder:
        pytest.skip("BONEAGE_WEIGHTS is not set: no ImageNet weights to test with")
    backbone = NETWORKS[name].backbone
    pretrained = frozen_backbone(backbone, SIZES[name], folder).get_weights()
    random = built(name).get_layer(backbone).get_weights()
    pairs = [(a, b) for a, b in zip(pretrained, random, strict=True) if a.ndim > 1]
    changed = [not np.array_equal(a, b) for a, b in pairs]
    assert np.mean(changed) >= 0.97  # one known checkpoint lacks 2 of 94 convolutions


@pytest.mark.parametrize("shape", [(300, 2048), (40, 3, 3, 2048), (50, 6)])
def test_feature_scale_does_not_depend_on_how_many_channels_it_looks_at(
    shape: tuple[int, ...],
) -> None:
    features = np.random.default_rng(0).normal(0.1, 1e-5, shape).astype("float32")
    flat = features.astype("float64").reshape(-1, shape[-1])
    scale = FeatureScale.fit(features)
    np.testing.assert_array_equal(scale.mean, flat.mean(axis=0))
    assert scale.scale == heads.FEATURE_SPREAD / float(np.sqrt(flat.var(axis=0).mean()))
