"""A base for training on a processor: layers that compute the same in fewer passes.

TensorFlow's kernels and Keras' own layers are made for GPUs, or fused by a compiler there. A
processor waits for memory: every pass over the maps that is left out is time.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="boneage")
class SeparableConv2D(keras.layers.SeparableConv2D):
    """Keras' layer of the same name, its second half one matrix product over all positions.

    The same weights, under the same names in files, and in float32 the same result. On a CPU
    TensorFlow's 1 × 1 convolution from hundreds of channels to hundreds takes longer forth and back
    than the product, and in bfloat16 more than twice as long.

    Args:
        arguments: Keras'.
        product_dtype: that the product is computed in; all else is in the layer's own.
        more: Keras'.

    Raises:
        ValueError: channels first.
    """

    def __init__(self, *arguments: Any, product_dtype: str = "float32", **more: Any) -> None:
        super().__init__(*arguments, **more)
        if self.data_format != "channels_last":
            raise ValueError(f"Found data_format={self.data_format!r}; expected channels_last.")
        self.product_dtype = product_dtype

    def call(self, inputs: Any) -> Any:
        """From (batch, height, width, channels) to (batch, height, width, filters)."""
        maps = ops.depthwise_conv(
            inputs,
            self.depthwise_kernel,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )
        height, width, channels = maps.shape[1:]
        # One product of two matrices: a batch of small ones would be many small products.
        flat = ops.cast(ops.reshape(maps, (-1, channels)), self.product_dtype)
        kernel = ops.cast(self.pointwise_kernel[0, 0], self.product_dtype)
        found = ops.cast(ops.matmul(flat, kernel), self.compute_dtype)
        found = ops.reshape(found, (-1, height, width, self.filters))
        if self.use_bias:
            found = found + self.bias
        return found if self.activation is None else self.activation(found)

    def get_config(self) -> dict[str, Any]:
        """Arguments for making the layer again."""
        return {**super().get_config(), "product_dtype": self.product_dtype}


@keras.saving.register_keras_serializable(package="boneage")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras' layer of the same name, trained in one operation of TensorFlow's forth and one back.

    The same weights, under the same names in files, and up to rounding the same result. Keras takes
    mean, variance, scale and shift one after another, each through all of memory, and each again
    for its gradient: on two cores a step of a whole Xception took nearly half as long again.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """From (batch, height, width, channels) to the same shape."""
        fused = keras.backend.backend() == "tensorflow" and mask is None and not self.renorm
        if not (fused and training and self.trainable and self.axis in (-1, len(inputs.shape) - 1)):
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        channels = inputs.shape[-1]
        maps, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            ops.cast(inputs, "float32"),
            self.gamma if self.scale else tf.ones(channels),
            self.beta if self.center else tf.zeros(channels),
            epsilon=self.epsilon,
            is_training=True,
        )
        # TensorFlow's variance is that of the population drawn from, Keras' that of the batch.
        n = tf.cast(tf.size(inputs) // channels, "float32")
        for moving, now in (
            (self.moving_mean, mean),
            (self.moving_variance, variance * (n - 1) / n),
        ):
            moving.assign(moving * self.momentum + now * (1.0 - self.momentum))
        return ops.cast(maps, self.compute_dtype)


def for_processor(base: keras.Model, product_dtype: str) -> keras.Model:
    """The same base, with the same weights, for training on a CPU.

    Args:
        base: a model in float32.
        product_dtype: ``"float32"`` or ``"bfloat16"``, of convolutions and products. All else stays
            in float32, in which a CPU is faster at it: depthwise convolutions, batch-norm, ReLU.
    """

    def own(layer: keras.Layer) -> keras.Layer:
        config = layer.get_config()
        if isinstance(layer, keras.layers.SeparableConv2D):
            return SeparableConv2D(**config, product_dtype=product_dtype)
        if isinstance(layer, keras.layers.BatchNormalization):
            return BatchNormalization.from_config(config)
        if isinstance(layer, keras.layers.Conv2D) and product_dtype == "bfloat16":
            config["dtype"] = "mixed_bfloat16"
        return type(layer).from_config(config)

    found = keras.models.clone_model(base, clone_function=own)
    for layer in (layer for layer in base.layers if layer.weights):
        found.get_layer(layer.name).set_weights(layer.get_weights())
    found.trainable = base.trainable
    return found
