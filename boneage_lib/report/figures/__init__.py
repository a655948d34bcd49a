"""Every plot of the paper, one function a figure.

Each draws what it is given, reads no file, and returns a matplotlib Figure that belongs to no
global state: show it as a cell's last expression, or write it with
`boneage_lib.report.theme.save_figure`.
"""

from boneage_lib.report.figures.agreement import (
    bland_altman,
    calibration,
    predicted_against_reference,
)
from boneage_lib.report.figures.data_size import data_size
from boneage_lib.report.figures.ensembles import train_and_validation
from boneage_lib.report.figures.errors import error_by_age, error_correlation, errors_bar
from boneage_lib.report.figures.images import (
    augmented_views,
    patches_on_radiograph,
    radiographs,
    thumbnails,
)
from boneage_lib.report.figures.inspection import (
    age_by_sex,
    exposure,
    gallery,
    heaping,
    original_sizes,
)
from boneage_lib.report.figures.labels import age_sex_histograms, resampling_counts
from boneage_lib.report.figures.ladder import ladder
from boneage_lib.report.figures.predictions import predictions
from boneage_lib.report.figures.robustness import robustness
from boneage_lib.report.figures.saliency import saliency_bands, saliency_cases
from boneage_lib.report.figures.training import (
    learning_curves,
    losses,
    overlaid_losses,
    patch_losses,
    patch_validation,
    patches_at_test,
)

__all__ = [
    "age_by_sex",
    "age_sex_histograms",
    "augmented_views",
    "bland_altman",
    "calibration",
    "data_size",
    "error_by_age",
    "error_correlation",
    "errors_bar",
    "exposure",
    "gallery",
    "heaping",
    "ladder",
    "learning_curves",
    "losses",
    "overlaid_losses",
    "original_sizes",
    "patch_losses",
    "patch_validation",
    "patches_at_test",
    "patches_on_radiograph",
    "predicted_against_reference",
    "predictions",
    "radiographs",
    "resampling_counts",
    "robustness",
    "saliency_bands",
    "saliency_cases",
    "thumbnails",
    "train_and_validation",
]
