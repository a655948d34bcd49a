"""The weights that the paper prints for its ensemble, and what they may have been meant to be.

Apart from `boneage_lib.evaluation.ensemble`, so that what the paper printed depends on no method.
"""

from __future__ import annotations

#: Section VI-C.
AS_PRINTED: dict[str, float] = {"resnet50_patches": 0.5, "inception_v3": 0.1, "xception": 0.1}
#: The same with ResNet50's completed, so that they sum to one.
COMPLETED: dict[str, float] = {**AS_PRINTED, "resnet50_patches": 0.8}
