"""What the paper printed, as data: every number with the place it stands in.

Monti and Tonazzo, "Bone Age Prediction Using Convolutional Neural Networks", University of Padova.
Nothing here is measured or corrected: what the numbers are worth is said in the claims.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from boneage_lib.evaluation.printed import AS_PRINTED


@dataclass(frozen=True)
class Printed:
    """One statement of the paper's text.

    Attributes:
        value: what is printed, in ``unit``.
        unit: unit of the value, empty for a count, a name or a pure number.
        place: section, table or figure.
    """

    value: float | int | bool | str | tuple[float, float]
    unit: str
    place: str


@dataclass(frozen=True)
class SplitRow:
    """A row of Table 1: radiographs, share of girls (0 to 1), mean bone age (months)."""

    samples: int
    female_share: float
    mean_months: int


@dataclass(frozen=True)
class ParameterRow:
    """A row of Table 3: numbers of parameters, all, trained and frozen."""

    total: int
    trainable: int
    frozen: int


@dataclass(frozen=True)
class Configuration:
    """A row of Table 4: what goes in, its side in pixels, and the backbone as printed."""

    data: Literal["images", "patches"]
    size: int
    backbone: str


@dataclass(frozen=True)
class PatchSetting:
    """A row of Table 5: square patches taken from each radiograph and their side in pixels."""

    patches: int
    size: int

    @property
    def pixels(self) -> int:
        """Pixels of one radiograph's patches together."""
        return self.patches * self.size**2


@dataclass(frozen=True)
class ScoreRow:
    """A row of Table 6: errors in z-units on the test set, and the column headed "P-value"."""

    mse: float
    rmse: float
    p_value: float


TITLES = {
    "inception_v3": "InceptionV3",
    "xception": "Xception",
    "xception_attention": "Xception with attention",
    "resnet50_patches": "ResNet50 on patches",
}
"""Networks of this library by name, as the paper's text calls them."""

TABLE_1 = {
    "train": SplitRow(12_611, 0.46, 127),
    "validation": SplitRow(1_425, 0.46, 127),
    "test": SplitRow(200, 0.5, 132),
}
TABLE_1_FEMALE_HEADING = "Female %"

TABLE_2 = {
    "rotation_degrees": 5.0,
    "width_shift": 0.1,
    "height_shift": 0.1,
    "shear": 0.01,
    "zoom": 0.25,
    "horizontal_flip": True,
}

TABLE_3 = {
    "inception_v3": ParameterRow(24_885_849, 3_083_065, 21_802_784),
    "xception": ParameterRow(20_882_365, 20_885, 20_861_480),
    "resnet50_patches": ParameterRow(23_616_427, 28_715, 23_587_712),
}

TABLE_4 = {
    "inception_v3": Configuration("images", 500, "Inception-V3"),
    "xception": Configuration("images", 500, "Xception"),
    "xception_attention": Configuration("images", 500, "Xception with attention"),
    "resnet50_patches": Configuration("patches", 224, "ResNet50"),
}

TABLE_5 = (
    PatchSetting(3, 224),
    PatchSetting(9, 128),
    PatchSetting(36, 64),
    PatchSetting(150, 32),
)

TABLE_6_COLUMNS = ("MSE", "RMSE", "P-value")
TABLE_6 = {
    "inception_v3": ScoreRow(0.19, 0.44, 0.89),
    "xception": ScoreRow(0.18, 0.42, 0.91),
    "resnet50_patches": ScoreRow(0.06, 0.24, 0.97),
}

ENSEMBLE_WEIGHTS = AS_PRINTED
"""Section VI-C: 0.5 for the ResNet50-based network, 0.1 for each of the other two."""

TEXT = {
    "radiographs": Printed(14_236, "", "section IV"),
    "age_range": Printed((1, 228), "months", "section IV"),
    "archive_size": Printed(10, "GB", "section III"),
    "image_size": Printed(500, "pixels", "section III"),
    "batch_size": Printed(8, "radiographs", "section IV"),
    "patches_per_image": Printed(3, "", "section IV"),
    "patch_size": Printed(224, "pixels", "section IV"),
    "edges": Printed((-1.5, 1.5), "z", "section VI-C"),
    "patch_batch": Printed(24, "patches", "section IV"),
    "patch_rotation": Printed(5, "degrees", "section IV"),
    "patch_horizontal_flip": Printed(True, "", "section IV"),
    "pixel_range": Printed((-1, 1), "", "section IV"),
    "epochs": Printed(7, "", "section III"),
    "learning_rate": Printed(1e-3, "", "section III"),
    "learning_rate_decay": Printed((1e-3, 1e-5), "", "section III"),
    "optimizer": Printed("Adam", "", "section III"),
    "loss": Printed("mean squared error", "", "section III"),
    "metric": Printed("mean absolute error in months", "", "section III"),
    "promised_metrics": Printed("MAE, RMSE, correlation", "", "section III"),
    "sex_units": Printed(32, "", "section V-A"),
    "inception_v3_head_units": Printed(1000, "", "section V-A"),
    "xception_head_units": Printed(10, "", "section V-B"),
    "xception_total_size": Printed(79.66, "MB", "section V-B"),
    "xception_trainable_size": Printed(81.58, "KB", "section V-B"),
    "attention_heads": Printed(8, "", "section V-C"),
    "attention_kernel_size": Printed(3, "pixels", "section V-C"),
    "resnet50_head_units": Printed(14, "", "section V-D"),
    "winners_mad": Printed((4.2, 4.5), "months", "section II"),
    "winners_image_size": Printed(500, "pixels", "section II"),
    "second_place_patches": Printed(49, "", "section II"),
    "challenge_participants": Printed(260, "", "section II"),
    "larson_radiographs": Printed(14_036, "", "section II"),
}
"""Numbers of the running text, by what they measure."""


def number(key: str) -> float:
    """One number of `TEXT`; raises KeyError for an unknown key, TypeError for text or a range."""
    value = TEXT[key].value
    if isinstance(value, tuple | str):
        raise TypeError(f"{key} holds {value!r}, which is not one number.")
    return float(value)


def limits(key: str) -> tuple[float, float]:
    """One printed range of `TEXT`; raises KeyError for an unknown key, TypeError otherwise."""
    value = TEXT[key].value
    if not isinstance(value, tuple):
        raise TypeError(f"{key} holds {value!r}, which is not a range.")
    return value
