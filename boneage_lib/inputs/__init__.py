"""From radiographs and draws to what a network looks at: augmentation, patches, batches."""

from boneage_lib.inputs.augmentation import (
    LIGHT,
    PATCHED_IMAGES,
    UNAUGMENTED,
    WHOLE_IMAGES,
    WIDE,
    Augmentation,
    apply_warp,
    crop,
    sample_warp,
)
from boneage_lib.inputs.batches import Recipe, draw_view, number_uses, view_batches
from boneage_lib.inputs.contrast import equalized
from boneage_lib.inputs.patches import (
    TABLE_5,
    check_patches,
    grid_corners,
    pixel_budget,
    random_corners,
    scaled_patch,
    table_5_at,
)
from boneage_lib.inputs.poses import AS_IT_IS, TURNED, Pose, posed

__all__ = [
    "AS_IT_IS",
    "LIGHT",
    "PATCHED_IMAGES",
    "TABLE_5",
    "TURNED",
    "UNAUGMENTED",
    "WHOLE_IMAGES",
    "WIDE",
    "Augmentation",
    "Pose",
    "Recipe",
    "apply_warp",
    "check_patches",
    "crop",
    "draw_view",
    "equalized",
    "grid_corners",
    "number_uses",
    "pixel_budget",
    "posed",
    "random_corners",
    "sample_warp",
    "scaled_patch",
    "table_5_at",
    "view_batches",
]
