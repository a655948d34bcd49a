"""The four networks of section V: a frozen backbone, the sex input, a head."""

from boneage_lib import backend  # noqa: F401  (loads Keras quietly, before anything else does)
from boneage_lib.networks.attention import SpatialAttention
from boneage_lib.networks.backbones import (
    as_expected,
    frozen_backbone,
)
from boneage_lib.networks.flops import count_flops, describe
from boneage_lib.networks.heads import (
    NETWORKS,
    FeatureScale,
    Network,
    build,
    build_head,
    network,
)

__all__ = [
    "NETWORKS",
    "FeatureScale",
    "Network",
    "SpatialAttention",
    "as_expected",
    "build",
    "build_head",
    "count_flops",
    "describe",
    "frozen_backbone",
    "network",
]
