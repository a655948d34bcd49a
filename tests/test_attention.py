"""The spatial attention layer against the sums written out."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from boneage_lib.networks import SpatialAttention

HEADS, CHANNELS = 3, 5


def array(tensor: object) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(tensor))


@pytest.fixture
def features() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(2, 4, 6, CHANNELS)).astype("float32")


def layer(features: np.ndarray, pooled: bool, kernel_size: int = 3) -> SpatialAttention:
    """A built layer with weights far from zero, the same for the same kernel size."""
    attention = SpatialAttention(HEADS, kernel_size, pooled)
    attention.build(features.shape)
    rng = np.random.default_rng(1)
    attention.set_weights([rng.normal(size=w.shape) for w in attention.weights])
    return attention


def masks_by_hand(features: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Sigmoid of a zero-padded convolution, one position at a time: (B, H, W, heads)."""
    side = len(kernel)
    border = side // 2
    padded = np.pad(features, ((0, 0), (border, border), (border, border), (0, 0)))
    batch, height, width, _ = features.shape
    answers = np.empty((batch, height, width, kernel.shape[-1]))
    for row in range(height):
        for column in range(width):
            window = padded[:, row : row + side, column : column + side]
            answers[:, row, column] = np.einsum("brcx,rcxh->bh", window, kernel) + bias
    return 1 / (1 + np.exp(-answers))


@pytest.mark.parametrize("kernel_size", [1, 3])
def test_heads_products_stand_side_by_side_along_the_last_axis(
    features: np.ndarray, kernel_size: int
) -> None:
    attention = layer(features, pooled=False, kernel_size=kernel_size)
    masks = masks_by_hand(features, *attention.get_weights())
    answer = array(attention(features))
    assert answer.shape == (2, 4, 6, HEADS * CHANNELS)
    for head in range(HEADS):
        product = answer[..., head * CHANNELS : (head + 1) * CHANNELS]
        np.testing.assert_allclose(product, features * masks[..., head : head + 1], atol=1e-5)


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_pooled_is_global_average_pooling_of_the_concatenation(
    features: np.ndarray, kernel_size: int
) -> None:
    whole = layer(features, pooled=False, kernel_size=kernel_size)
    pooled = layer(features, pooled=True, kernel_size=kernel_size)
    expected = keras.layers.GlobalAveragePooling2D()(whole(features))
    answer = array(pooled(features))
    assert answer.shape == (2, HEADS * CHANNELS)
    np.testing.assert_allclose(answer, array(expected), atol=1e-5)


def test_bfloat16_loses_no_more_than_its_own_digits(features: np.ndarray) -> None:
    """Weights stay float32, and so does the answer; bfloat16 has 8 bits."""
    exact = layer(features, pooled=True)
    mixed = SpatialAttention(HEADS, 3, pooled=True, dtype="mixed_bfloat16")
    mixed.build(features.shape)
    mixed.set_weights(exact.get_weights())
    answer = mixed(features)
    assert keras.backend.standardize_dtype(answer.dtype) == "float32"
    assert {str(weight.dtype) for weight in mixed.weights} == {"float32"}
    assert not np.array_equal(array(answer), array(exact(features)))
    np.testing.assert_allclose(array(answer), array(exact(features)), atol=2**-8)


@pytest.mark.parametrize(("heads", "kernel_size"), [(8, 3), (1, 1), (2, 5)])
def test_each_head_has_one_kernel_and_one_bias(heads: int, kernel_size: int) -> None:
    attention = SpatialAttention(heads, kernel_size)
    attention.build((None, 4, 4, 7))
    assert attention.count_params() == heads * (kernel_size**2 * 7 + 1)
    assert len(attention.trainable_weights) == 2


@pytest.mark.parametrize("pooled", [False, True])
def test_symbolic_shape_is_the_real_one(features: np.ndarray, pooled: bool) -> None:
    attention = layer(features, pooled)
    assert attention.compute_output_shape(features.shape) == array(attention(features)).shape
    channels = (HEADS * CHANNELS,)
    expected = (None, *channels) if pooled else (None, 4, 6, *channels)
    assert attention(keras.Input(features.shape[1:])).shape == expected


def test_a_layer_made_from_its_config_is_the_same_layer(features: np.ndarray) -> None:
    attention = layer(features, pooled=True, kernel_size=5)
    config = keras.saving.serialize_keras_object(attention)
    again = keras.saving.deserialize_keras_object(config, safe_mode=True)
    assert isinstance(again, SpatialAttention)
    assert (again.heads, again.kernel_size, again.pooled) == (HEADS, 5, True)
    assert again.name == attention.name
    again.set_weights(attention.get_weights())
    np.testing.assert_array_equal(array(again(features)), array(attention(features)))


@pytest.mark.parametrize(("heads", "kernel_size"), [(0, 3), (-1, 3), (8, 2), (8, 0), (8, -3)])
def test_impossible_shapes_are_refused(heads: int, kernel_size: int) -> None:
    with pytest.raises(ValueError, match=f"heads={heads}, kernel_size={kernel_size}"):
        SpatialAttention(heads, kernel_size)
