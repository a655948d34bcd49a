"""Answers of a trained network to any grey radiographs, not only to those of its cohort."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from boneage_lib.data import AgeNormalizer
from boneage_lib.inputs import UNAUGMENTED, Recipe, draw_view
from boneage_lib.networks import FeatureScale, Network, network
from boneage_lib.training.extraction import Extractor
from boneage_lib.training.feature_bank import batch_shape, features_of
from boneage_lib.training.train import Trained


@dataclass(frozen=True)
class Reader:
    """A frozen base, a trained head, and what lies between pixels and months.

    Attributes:
        spec: which of the four networks.
        head: the trained head.
        normalizer: between months and z-scores.
        extractor: the frozen base, as it was in training.
        scale: see `FeatureScale`; None for pretrained bases.
        recipe: how a radiograph becomes what the network looks at; unaugmented.
        views_seed: seed of the patches' places.
    """

    spec: Network
    head: keras.Model
    normalizer: AgeNormalizer
    extractor: Extractor
    scale: FeatureScale | None
    recipe: Recipe
    views_seed: int

    @classmethod
    def of(cls, trained: Trained, weights: str | Path | None, patches: int | None = None) -> Reader:
        """The reader of a training that has just ended.

        Args:
            trained: the training.
            weights: of its base, see `boneage_lib.bases.find_weights`.
            patches: patches a radiograph; by default those that the training scored.
        """
        spec, settings, base = network(trained.name), trained.settings, trained.provenance["base"]
        extractor = Extractor(
            spec.backbone,
            base["side"],
            weights,
            settings.views_seed,
            base["input_form"],
            "openvino" if base["runtime"].startswith("openvino") else "keras",
            base["precision"],
        )
        count = (patches or settings.evaluation_patches) if spec.patches else 0
        return cls(
            spec,
            trained.head,
            trained.normalizer,
            extractor,
            trained.feature_scale,
            Recipe(UNAUGMENTED, count, settings.patch_size),
            settings.views_seed,
        )

    def looks_at(self, images: np.ndarray, ids: np.ndarray) -> np.ndarray:
        """What the network sees of radiographs: uint8 (n, looks, side, side).

        Args:
            images: uint8 (n, size, size).
            ids: (n,) ids of the radiographs, which decide where the patches lie: the same places
                as in training's evaluation, whatever was done to the pixels.
        """
        seen = [
            draw_view(image, int(own), 0, self.recipe, self.views_seed)
            for image, own in zip(images, ids, strict=True)
        ]
        return np.stack(seen)

    def features(self, grey: np.ndarray) -> np.ndarray:
        """Features of looks, as the head takes them.

        Args:
            grey: uint8 (n, looks, side, side).

        Returns:
            float32 (n, looks, channels), or (n, looks, height, width, channels) for a network that
            takes maps.
        """
        radiographs, images = batch_shape(self.extractor.on_gpu, grey.shape[2], grey.shape[1])

        def batches() -> Iterator[np.ndarray]:
            for start in range(0, len(grey), radiographs):
                yield grey[start : start + radiographs]

        maps = not self.spec.pooled
        found = [batch[-1] for batch in features_of(self.extractor, batches(), images, maps)]
        return np.concatenate(found)

    def answers_z(self, features: np.ndarray, female: np.ndarray) -> np.ndarray:
        """Z-scores of every look, float32 (n, looks).

        Args:
            features: see `features`.
            female: (n,) 0 or 1.
        """
        n, looks = features.shape[:2]
        flat = features.reshape(-1, *features.shape[2:])
        if self.scale is not None:
            flat = self.scale(flat)
        sex = np.repeat(np.asarray(female, dtype="float32"), looks)[:, None]
        answers = [
            np.asarray(self.head.predict_on_batch([flat[k : k + 64], sex[k : k + 64]]))
            for k in range(0, len(flat), 64)
        ]
        return np.concatenate(answers).reshape(n, looks)

    def months(self, images: np.ndarray, female: np.ndarray, ids: np.ndarray) -> np.ndarray:
        """Bone ages of radiographs in months, float64 (n,): the mean over a radiograph's looks.

        Args:
            images: uint8 (n, size, size), at the size of the cohort that the network was trained
                on.
            female: (n,) 0 or 1.
            ids: (n,) see `looks_at`.
        """
        z = self.answers_z(self.features(self.looks_at(images, ids)), female)
        return np.asarray(self.normalizer.to_months(z.mean(axis=1)), dtype=float)
