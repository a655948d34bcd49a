"""The spatial attention of section V.C."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="boneage")
class SpatialAttention(keras.layers.Layer):
    """Several learned spatial masks over one feature map, side by side (section V.C).

    Every head is one ``kernel_size`` × ``kernel_size`` convolution to a single channel with a
    sigmoid; its mask, in (0, 1), multiplies the whole map. The heads' products are concatenated
    along the last axis, as the paper says. The paper's text admits other readings; this one has
    311,709 trainable parameters in the whole network at 500 px.

    Args:
        heads: number of masks; the paper uses 8.
        kernel_size: side of every mask's convolution; the paper uses 3.
        pooled: average every product over the map at once: what global average pooling of the
            concatenation gives, without ever holding it (16 × 16 × 16,384 at 500 px).

    Input shape (batch, height, width, channels); output shape
    (batch, height, width, ``heads`` × channels), or (batch, ``heads`` × channels) when pooled.

    Raises:
        ValueError: fewer than one head, or an even or negative kernel size.
    """

    def __init__(
        self, heads: int = 8, kernel_size: int = 3, pooled: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if heads < 1 or kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(
                f"Received heads={heads}, kernel_size={kernel_size}; expected at least one head "
                "and an odd kernel size."
            )
        self.heads = heads
        self.kernel_size = kernel_size
        self.pooled = pooled
        # The eight one-channel convolutions are one convolution with eight channels: the same
        # weights, the same result, one pass over the map.
        self.masks = keras.layers.Conv2D(
            heads,
            kernel_size,
            padding="same",
            activation="sigmoid",
            name="masks",
            dtype=self.dtype_policy,
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the masks' weights for (batch, height, width, channels)."""
        self.masks.build(input_shape)
        self.built = True

    def call(self, features: Any) -> Any:
        """Masked maps, one after another along the last axis."""
        if self.pooled:
            height, width, channels = features.shape[1:]
            flat = ops.reshape(features, (-1, height * width, channels))  # (B, HW, C)
            masks = self._masks_by_product(flat, height, width)  # (B, HW, heads)
            products = ops.matmul(ops.transpose(masks, (0, 2, 1)), flat)  # (B, heads, C)
            products = ops.cast(products, self.variable_dtype)
            return ops.reshape(products, (-1, self.heads * channels)) / (height * width)
        masks = self.masks(features)  # (B, H, W, heads)
        return ops.concatenate(
            [features * masks[..., head : head + 1] for head in range(self.heads)], axis=-1
        )

    def _masks_by_product(self, flat: Any, height: int, width: int) -> Any:
        """What ``masks`` gives, (B, HW, heads), of a map (B, HW, C).

        One matrix product with every tap of every mask, then each tap's answers moved to their
        place: on a CPU faster, forth and back, than a convolution from thousands of channels to
        eight.
        """
        side, heads = self.kernel_size, self.heads
        taps = ops.reshape(ops.transpose(self.masks.kernel, (2, 0, 1, 3)), (-1, side**2 * heads))
        answers = ops.matmul(flat, ops.cast(taps, flat.dtype))
        answers = ops.reshape(answers, (-1, height, width, side**2 * heads))
        margin = side // 2
        answers = ops.pad(answers, ((0, 0), (margin, margin), (margin, margin), (0, 0)))
        total = ops.cast(self.masks.bias, flat.dtype)
        for tap in range(side**2):
            down, right = divmod(tap, side)
            own = slice(tap * heads, (tap + 1) * heads)
            total = total + answers[:, down : down + height, right : right + width, own]
        return ops.reshape(ops.sigmoid(total), (-1, height * width, heads))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(batch, height, width, heads × channels), or (batch, heads × channels) when pooled."""
        channels = None if input_shape[-1] is None else input_shape[-1] * self.heads
        return (input_shape[0], channels) if self.pooled else (*input_shape[:-1], channels)

    def get_config(self) -> dict[str, Any]:
        """Arguments for loading the layer again."""
        return {
            **super().get_config(),
            "heads": self.heads,
            "kernel_size": self.kernel_size,
            "pooled": self.pooled,
        }
