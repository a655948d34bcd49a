"""Streaming over all devices of a machine, by the backend's own data parallelism.

Every device holds the whole network and sees its share of each batch; the result is one device's.
Keras distributes so on JAX alone. Banks need none of it: their shards are jobs of their own, one a
device.
"""

from __future__ import annotations

import keras

from boneage_lib.errors import InputError


class Replicas(keras.distribution.DataParallel):
    """Keras' data parallelism, but batches that cannot be shared out go whole to each device."""

    def get_data_layout(self, data_shape: tuple[int, ...]) -> keras.distribution.TensorLayout:
        """How an array of this shape lies on the devices; Keras asks once an epoch."""
        if data_shape[0] % self.num_model_replicas:
            return keras.distribution.TensorLayout([None] * len(data_shape), self.device_mesh)
        return super().get_data_layout(data_shape)


def use_all_devices(batch_size: int, draws: int) -> None:
    """Distribute what is built from now on; call it before a network to be streamed is built.

    Args:
        batch_size: radiographs a step.
        draws: radiographs an epoch.

    Raises:
        InputError: a batch, or the last one of an epoch, that the devices cannot share evenly.
    """
    devices = keras.distribution.list_devices() if keras.backend.backend() == "jax" else []
    if len(devices) < 2:
        use_one_device()
        return
    for name, count in (("batch_size", batch_size), ("draws an epoch", draws)):
        if count % len(devices):
            raise InputError(
                f"Found {name}={count} on {len(devices)} devices; expected a multiple of "
                f"{len(devices)}, so that each gets as much. Choose another batch_size or "
                "draws_per_cell, let the process see fewer devices (CUDA_VISIBLE_DEVICES), or use "
                "engine='bank'."
            )
    keras.distribution.set_distribution(Replicas(devices=devices))


def use_one_device() -> None:
    """End what `use_all_devices` began; a distribution that somebody else set stays."""
    if isinstance(keras.distribution.distribution(), Replicas):
        keras.distribution.set_distribution(None)


def held_out_batch_size(batch_size: int, radiographs: int) -> int:
    """A batch size for validation, whose mean loss does not depend on it.

    Where the last batch would not divide among the devices, it is one more than ``batch_size``:
    then none of them does, and every device looks at all.
    """
    distribution = keras.distribution.distribution()
    if isinstance(distribution, Replicas) and radiographs % distribution.num_model_replicas:
        return batch_size + 1
    return batch_size
