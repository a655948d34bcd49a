"""From radiographs and draws to what a network looks at: augmentation, patches, batches."""

from boneage_lib.inputs.augmentation import (
    PATCHED_IMAGES,
    UNAUGMENTED,
    WHOLE_IMAGES,
    Augmentation,
    apply_warp,
    crop,
    sample_warp,
)
from boneage_lib.inputs.batches import Recipe, draw_view, number_uses, view_batches
from boneage_lib.inputs.patches import (
    TABLE_5,
    check_patches,
    grid_corners,
    pixel_budget,
    random_corners,
    scaled_patch,
    table_5_at,
)

__all__ = [
    "PATCHED_IMAGES",
    "TABLE_5",
    "UNAUGMENTED",
    "WHOLE_IMAGES",
    "Augmentation",
    "Recipe",
    "apply_warp",
    "check_patches",
    "crop",
    "draw_view",
    "grid_corners",
    "number_uses",
    "pixel_budget",
    "random_corners",
    "sample_warp",
    "scaled_patch",
    "table_5_at",
    "view_batches",
]
