"""The paper's training as it is usually written in Keras: what this library is measured against."""

from __future__ import annotations

import math
import time
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from boneage_lib.data import Cohort
from boneage_lib.inputs import (
    PATCHED_IMAGES,
    WHOLE_IMAGES,
    Augmentation,
    check_patches,
    random_corners,
)

if TYPE_CHECKING:
    import keras

BATCH = 8


def image_data_generator(augmentation: Augmentation) -> Any:
    """Keras' `ImageDataGenerator` with these ranges, to RGB in [-1, 1]."""
    import keras
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    # Keras still calls SciPy's interpolation by its former place.
    warnings.filterwarnings("ignore", "Please import `affine_transform`")
    return ImageDataGenerator(
        rotation_range=augmentation.rotation_degrees,
        width_shift_range=augmentation.width_shift,
        height_shift_range=augmentation.height_shift,
        shear_range=augmentation.shear_degrees,
        zoom_range=augmentation.zoom,
        horizontal_flip=augmentation.horizontal_flip,
        preprocessing_function=keras.applications.inception_v3.preprocess_input,
    )


def step_clock() -> Any:
    """A callback that times the steps of a `fit` of one epoch after its first.

    The first step builds the graph. ``seconds`` is from its end to the end of the last.
    """
    from boneage_lib.backend import keras

    class StepClock(keras.callbacks.Callback):
        def __init__(self) -> None:
            super().__init__()
            self.begun = self.first = self.last = time.perf_counter()

        def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
            if batch == 0 or batch == self.params["steps"] - 1:
                float((logs or {})["loss"])  # waits for a device that computes meanwhile
            self.last = time.perf_counter()
            if batch == 0:
                self.first = self.last

        @property
        def seconds(self) -> float:
            return self.last - self.first

        @property
        def first_step_s(self) -> float:
            return self.first - self.begun

    return StepClock()


class PaperStyle:
    """`ImageDataGenerator`, a whole Keras network with a frozen base, Adam, `fit`.

    The radiographs lie in memory as float32 RGB. Keras' `fit` gets its data as any `PyDataset`, so
    that it draws batches ahead in one thread of its own while the network computes.

    Args:
        model: from (image, female) to z-scores, as `boneage_lib.networks.build` makes it.
        cohort: where the radiographs are.
        rows: (n,) rows of the radiographs to train on; the last n mod 8 are left out.
        age_z: (n,) their z-scores.
        patches: (patches a radiograph, side); (0, 0) for whole radiographs.
    """

    def __init__(
        self,
        model: keras.Model,
        cohort: Cohort,
        rows: np.ndarray,
        age_z: np.ndarray,
        patches: tuple[int, int],
    ) -> None:
        from boneage_lib.backend import keras

        kept = len(rows) // BATCH * BATCH
        images = np.repeat(cohort.images[rows[:kept], ..., None], 3, axis=-1).astype(np.float32)
        female = cohort.labels["female"].to_numpy()[rows]
        count, side = patches
        if count:
            check_patches(count, side, cohort.size)
        augmentation = PATCHED_IMAGES if count else WHOLE_IMAGES
        # One array of targets: `flow` hands out no second input in a form that `fit` takes.
        self.flow = image_data_generator(augmentation).flow(
            images, np.stack([female, age_z], axis=1)[:kept].astype(np.float32), BATCH
        )
        self.looks, self.side = max(count, 1), side
        self.rng = np.random.default_rng(0)
        self.model = model
        model.compile(keras.optimizers.Adam(1e-3), loss="mse")

    def fit(self, radiographs: int) -> tuple[float, float]:
        """Train on that many, after one batch more.

        Returns:
            Seconds of the steps after the first, in which ``radiographs`` are seen, and of the
            first, which builds the graph when it is the model's first.
        """
        from boneage_lib.backend import keras

        parent, steps = self, 1 + math.ceil(radiographs / BATCH)

        class Steps(keras.utils.PyDataset):
            """Epochs of the generator, one after another."""

            def __len__(self) -> int:
                return steps

            def __getitem__(self, index: int) -> Any:
                images, targets = parent.flow[index % len(parent.flow)]
                return parent.batch(images, targets)

        clock = step_clock()
        self.model.fit(Steps(), epochs=1, verbose=0, shuffle=False, callbacks=[clock])
        return clock.seconds, clock.first_step_s

    def batch(self, images: np.ndarray, targets: np.ndarray) -> Any:
        """What `fit` takes of a batch of the generator; cuts the patches."""
        if self.side:
            images = np.concatenate(
                [
                    image[top : top + self.side, left : left + self.side][None]
                    for image in images
                    for top, left in random_corners(self.looks, self.side, len(image), self.rng)
                ]
            )
            targets = np.repeat(targets, self.looks, axis=0)
        return (images, targets[:, :1]), targets[:, 1:]
