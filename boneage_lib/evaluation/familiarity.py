"""Is a picture like those that a network learned from? Asked of the features of its frozen base.

A network answers to anything, a photograph of a cat included. Features of radiographs lie near a
plane of few dimensions; how far a picture's lie from their mean, in and off that plane, is its
distance under a probabilistic principal component analysis (Tipping and Bishop, J. R. Stat. Soc. B
61, 1999). What distance is unusual, held-out radiographs say.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from boneage_lib.errors import InputError

#: Dimensions of the plane, at most.
DIMENSIONS = 50
#: Share of radiographs like the known ones that are called strange.
STRANGE = 0.01


@dataclass(frozen=True)
class Familiarity:
    """The plane in which features of known radiographs lie, and their distances from its middle.

    Attributes:
        mean: (channels,) of training radiographs' pooled features.
        axes: (dimensions, channels), orthonormal.
        variances: (dimensions,) of the training features along the axes.
        off_plane: variance along every other direction.
        distances: (n,) of held-out radiographs, ascending.
    """

    mean: np.ndarray
    axes: np.ndarray
    variances: np.ndarray
    off_plane: float
    distances: np.ndarray

    @classmethod
    def fit(cls, train: np.ndarray, held_out: np.ndarray) -> Familiarity:
        """From pooled features of training radiographs, and of others for what is usual.

        Args:
            train: (n, channels), n of 3 or more.
            held_out: (m, channels), m of 1 or more.

        Raises:
            InputError: fewer of either, or other channels.
        """
        if len(train) < 3 or len(held_out) < 1 or train.shape[1:] != held_out.shape[1:]:
            raise InputError(
                f"Found features of {train.shape} and {held_out.shape}; expected three training "
                "radiographs or more, one held out or more, and the same channels."
            )
        features = np.asarray(train, dtype="float64")
        mean = features.mean(axis=0)
        _, spread, directions = np.linalg.svd(features - mean, full_matrices=False)
        spectrum = spread**2 / (len(features) - 1)
        count = min(DIMENSIONS, (len(features) - 1) // 2)
        rest = float(spectrum[count:].sum()) / max(features.shape[1] - count, 1)
        floor = float(np.finfo("float32").eps) * max(float(spectrum[0]), 1e-12)
        plane = cls(
            mean,
            directions[:count],
            np.maximum(spectrum[:count], floor),
            max(rest, floor),
            np.zeros(0),
        )
        return cls(
            plane.mean,
            plane.axes,
            plane.variances,
            plane.off_plane,
            np.sort(plane.distance(held_out)),
        )

    def distance(self, features: np.ndarray) -> np.ndarray:
        """Squared distances from the middle, float64 (n,), in units of the spread.

        Args:
            features: (n, channels).
        """
        apart = np.asarray(features, dtype="float64") - self.mean
        along = apart @ self.axes.T
        off = np.maximum((apart**2).sum(axis=1) - (along**2).sum(axis=1), 0)
        return np.asarray((along**2 / self.variances).sum(axis=1) + off / self.off_plane)

    def usual(self, features: np.ndarray) -> np.ndarray:
        """How usual pictures are, (n,), 0 to 1: the share of held-out radiographs at least as far.

        Counted with the picture itself, so that it is a p-value of "drawn as those were".
        """
        nearer = np.searchsorted(self.distances, self.distance(features), side="left")
        return np.asarray(
            (1 + len(self.distances) - nearer) / (len(self.distances) + 1), dtype=float
        )

    @property
    def limit(self) -> float:
        """`usual` below or at which a picture is strange: 0.01, or the least that n can show."""
        return max(STRANGE, 1 / (len(self.distances) + 1))
