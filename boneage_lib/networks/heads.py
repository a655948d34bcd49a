"""The four networks: a frozen backbone, the sex input, and a head (sections V.A to V.D)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from boneage_lib.bases import BASES
from boneage_lib.errors import InputError
from boneage_lib.networks.attention import SpatialAttention
from boneage_lib.networks.backbones import as_expected, frozen_backbone

#: Units of the dense layer on the sex input; Table 3's count of the Xception network implies 32.
SEX_UNITS = 32


def _encoded_sex(female: Any) -> Any:
    return keras.layers.Dense(SEX_UNITS, activation="sigmoid", name="sex_encoding")(female)


def _inception_head(pooled: Any, female: Any, dropout: float, precision: str) -> Any:
    fused = keras.layers.Concatenate(name="fused")([pooled, _encoded_sex(female)])
    for number in (1, 2):
        fused = keras.layers.Dense(1000, activation="tanh", name=f"dense_{number}")(fused)
        fused = keras.layers.Dropout(dropout, name=f"dropout_{number}")(fused)
    return fused


def _xception_head(pooled: Any, female: Any, dropout: float, precision: str) -> Any:
    fused = keras.layers.Concatenate(name="fused")([pooled, _encoded_sex(female)])
    fused = keras.layers.Flatten(name="flatten")(fused)
    return keras.layers.Dense(10, activation="relu", name="dense_1")(fused)


def _attention_head(maps: Any, female: Any, dropout: float, precision: str) -> Any:
    attention = SpatialAttention(
        heads=8,
        kernel_size=3,
        pooled=True,
        name="spatial_attention",
        dtype="mixed_bfloat16" if precision == "bfloat16" else precision,
    )
    return _xception_head(attention(maps), female, dropout, precision)


def _resnet_head(pooled: Any, female: Any, dropout: float, precision: str) -> Any:
    fused = keras.layers.Concatenate(name="fused")([pooled, female])
    fused = keras.layers.Flatten(name="flatten")(fused)
    return keras.layers.Dense(14, activation="relu", name="dense_1")(fused)


@dataclass(frozen=True)
class Network:
    """One of the paper's four networks.

    Attributes:
        name: its name in files and parameters.
        title: its name in print.
        backbone: a key of `boneage_lib.bases.BASES`.
        section: where the paper describes it.
        layers: the head, from (features, female, dropout, precision) to the last hidden layer.
        pooled: True if the head takes globally averaged features, False if it takes the maps.
        patches: True if it looks at patches instead of whole radiographs.
    """

    name: str
    title: str
    backbone: str
    section: str
    layers: Callable[[Any, Any, float, str], Any]
    pooled: bool = True
    patches: bool = False


NETWORKS = {
    network.name: network
    for network in (
        Network("inception_v3", "InceptionV3", "inception_v3", "V.A", _inception_head),
        Network("xception", "Xception", "xception", "V.B", _xception_head),
        Network(
            "xception_attention",
            "Xception with attention",
            "xception",
            "V.C",
            _attention_head,
            pooled=False,
        ),
        Network(
            "resnet50_patches", "ResNet50 on patches", "resnet50", "V.D", _resnet_head, patches=True
        ),
    )
}


def network(name: str) -> Network:
    """The network called ``name``; raises InputError naming the four when there is none."""
    if name not in NETWORKS:
        raise InputError(f"Found network {name!r}; expected one of {', '.join(NETWORKS)}.")
    return NETWORKS[name]


#: Spread that `FeatureScale` gives features: about that of pretrained bases' pooled features.
FEATURE_SPREAD = 0.3
#: Channels whose moments `FeatureScale` computes at a time.
CHANNELS_AT_A_TIME = 64


@dataclass(frozen=True)
class FeatureScale:
    """A fixed shift of every feature channel and one scale for all, for bases with random weights.

    Their features vary by as little as 1e-6 from one radiograph to the next, from which no head
    learns in seven epochs. It has no weights, so that Table 3's counts stay the paper's.

    Attributes:
        mean: (channels,) mean over training radiographs (and positions).
        scale: what the shifted features are multiplied with.
    """

    mean: np.ndarray
    scale: float

    @classmethod
    def fit(cls, features: np.ndarray) -> FeatureScale:
        """From features (..., channels) to a mean of 0 and a standard deviation of 0.3 overall."""
        flat = features.reshape(-1, features.shape[-1])
        # A few channels at a time: all maps in double precision would take gigabytes.
        blocks = (
            flat[:, start : start + CHANNELS_AT_A_TIME].astype("float64")
            for start in range(0, flat.shape[1], CHANNELS_AT_A_TIME)
        )
        moments = [(block.mean(axis=0), block.var(axis=0)) for block in blocks]
        mean, variance = (np.concatenate(of_each) for of_each in zip(*moments, strict=True))
        spread = float(np.sqrt(variance.mean()))
        return cls(mean, FEATURE_SPREAD / (spread or 1.0))

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Scaled features, float32, of the shape given."""
        return np.asarray((features - self.mean) * self.scale, dtype="float32")

    def layer(self) -> keras.layers.Layer:
        """The same map as a Keras layer."""
        return keras.layers.Rescaling(
            self.scale,
            offset=[float(value) for value in -self.mean * self.scale],
            name="feature_scale",
        )


def build_head(
    name: str,
    feature_shape: tuple[int, ...],
    dropout: float = 0.2,
    seed: int = 0,
    precision: str = "float32",
) -> keras.Model:
    """The trainable part of network ``name``, from features and sex to the age's z-score.

    Args:
        name: a key of `NETWORKS`.
        feature_shape: shape of one example's features: (channels,) pooled, or
            (height, width, channels) for the attention network.
        dropout: rate between the last trainable layers of the InceptionV3 network (section V.A
            gives no rate), in [0, 1); the other heads have no dropout.
        seed: seed of the initial weights.
        precision: ``"float32"`` or ``"bfloat16"``: what the attention network's masks are computed
            in, from maps that have no more digits themselves; weights are float32 in any case. The
            other heads are too small to gain from it.

    Returns:
        A model from ``features``, a batch of ``feature_shape``, and ``female`` (batch, 1) to
        (batch, 1).
    """
    if not 0 <= dropout < 1:
        raise InputError(f"Found dropout={dropout}; expected a rate in [0, 1).")
    keras.utils.set_random_seed(seed)
    # Maps in bfloat16 are handed over as they are; the other heads take pooled features in float32.
    as_given = precision if not network(name).pooled else "float32"
    features = keras.Input(feature_shape, dtype=as_given, name="features")
    female = keras.Input((1,), name="female")
    hidden = network(name).layers(features, female, dropout, precision)
    age = keras.layers.Dense(1, activation="linear", name="bone_age_z")(hidden)
    return keras.Model([features, female], age, name=f"{name}_head")


def build(
    name: str,
    image_size: int = 500,
    weights: str | Path | None = None,
    dropout: float = 0.2,
    seed: int = 0,
    input_form: str | None = None,
    feature_scale: FeatureScale | None = None,
    base_seed: int | None = None,
) -> keras.Model:
    """A whole network, its base frozen (section V, Figure 3, Table 3).

    Args:
        name: inception_v3, xception, xception_attention or resnet50_patches.
        image_size: side of what the network looks at, pixels: the radiograph, or the patch.
        weights: ``"imagenet"``, a folder or file with Keras' 'notop' weights, or None for random.
        dropout: see `build_head`.
        seed: seed of all random initial weights.
        input_form: ``"tf"`` ([-1, 1]) or ``"caffe"`` (BGR minus mean); by default what the base's
            ImageNet weights expect.
        feature_scale: for random bases, see `FeatureScale`.
        base_seed: another seed for a random base.

    Returns:
        A Keras model with inputs ``image`` (batch, image_size, image_size, 3), RGB in [-1, 1], and
        ``female`` (batch, 1), 0 male or 1 female; its output, (batch, 1), is the age's z-score.

    Raises:
        InputError: an unknown name, an image too small, weights that cannot be had.
    """
    spec = network(name)
    base = frozen_backbone(
        spec.backbone, image_size, weights, seed if base_seed is None else base_seed
    )
    image = keras.Input((image_size, image_size, 3), name="image")
    female = keras.Input((1,), name="female")
    maps = base(as_expected(image, input_form or BASES[spec.backbone].input_form), training=False)
    features = maps
    if spec.pooled:
        features = keras.layers.GlobalAveragePooling2D(name="pooling")(maps)
    if feature_scale is not None:
        features = feature_scale.layer()(features)
    head = build_head(name, tuple(features.shape[1:]), dropout, seed)
    return keras.Model([image, female], head([features, female]), name=name)
