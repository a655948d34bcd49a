"""Settings of a training of a whole network, base and all: beyond section III."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from boneage_lib.errors import InputError
from boneage_lib.inputs import LIGHT, UNAUGMENTED, WHOLE_IMAGES, WIDE, Recipe
from boneage_lib.networks import network
from boneage_lib.training.settings import check_whole_number

#: By name, what training radiographs are moved by.
AUGMENTATIONS = {"paper": WHOLE_IMAGES, "light": LIGHT, "wide": WIDE, "none": UNAUGMENTED}
CHOICES = {
    "base": ("frozen", "trained"),
    "batch_norm": ("frozen", "trained"),
    "schedule": ("constant", "cosine"),
    "loss": ("mse", "mae"),
    "sampling": ("resampled", "weighted", "natural"),
    "augmentation": tuple(AUGMENTATIONS),
    "precision": ("float32", "bfloat16"),
}


@dataclass(frozen=True)
class Tuning:
    """How a whole network is trained; the defaults are the paper's recipe.

    Attributes:
        network: a key of `boneage_lib.networks.NETWORKS` that looks at whole radiographs.
        base: ``"frozen"``, or ``"trained"`` with the head.
        base_rate: learning rate of the base's weights as a share of the head's, above 0 to 1.
        batch_norm: of a trained base: ``"frozen"``, on stored statistics, or ``"trained"`` with it,
            on those of each step's radiographs.
        epochs: passes through ``epoch_draws`` radiographs.
        epoch_draws: radiographs an epoch; 0: as many as there are in train.
        batch_size: radiographs a step.
        learning_rate: Adam's; of the cosine its highest.
        schedule: ``"constant"``, or ``"cosine"``, down to 0 over all steps.
        warm_up: share of all steps during which the rate rises from 0, before the cosine.
        weight_decay: decoupled from the gradient, a step at a rate of 1 (AdamW).
        loss: ``"mse"`` or ``"mae"``, of z-scores.
        sampling: ``"resampled"`` once, uniformly over age and sex (section IV); ``"weighted"``,
            drawn anew every epoch with a probability that falls with the root of how many share
            age bin and sex; or ``"natural"``, each equally often.
        augmentation: a key of `AUGMENTATIONS`.
        equalize: bring the contrast to a common measure, see `boneage_lib.inputs.equalized`.
        enlarge: how many times as wide the base sees radiographs as they are kept, 1 or more.
        pretraining: synthetic radiographs that the network is trained on first, in the same way;
            0: none.
        dropout: see `boneage_lib.networks.build_head`.
        precision: that the base is trained in; weights are float32 in any case. On a processor
            ``"bfloat16"`` is that of its convolutions and products alone, in answers, too.
        seed: of draws, views, initial weights and dropout.
    """

    network: str = "xception"
    base: str = "frozen"
    base_rate: float = 1.0
    batch_norm: str = "frozen"
    epochs: int = 7
    epoch_draws: int = 0
    batch_size: int = 8
    learning_rate: float = 1e-3
    schedule: str = "constant"
    warm_up: float = 0.0
    weight_decay: float = 0.0
    loss: str = "mse"
    sampling: str = "resampled"
    augmentation: str = "paper"
    equalize: bool = False
    enlarge: float = 1.0
    pretraining: int = 0
    dropout: float = 0.2
    precision: str = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise InputError for a value out of range."""
        if network(self.network).patches:
            raise InputError(
                f"Found network={self.network!r}, which looks at patches; expected one that looks "
                "at whole radiographs, such as 'xception'."
            )
        for name, choices in CHOICES.items():
            if (value := getattr(self, name)) not in choices:
                raise InputError(f"Found {name}={value!r}; expected one of {', '.join(choices)}.")
        for name, least in (
            ("epochs", 1),
            ("epoch_draws", 0),
            ("batch_size", 1),
            ("pretraining", 0),
            ("seed", 0),
        ):
            check_whole_number(name, getattr(self, name), least)
        for name, above, below in (
            ("learning_rate", True, 1.0),
            ("base_rate", True, 1.0),
            ("warm_up", False, 1.0),
            ("weight_decay", False, 1.0),
            ("dropout", False, 1.0),
        ):
            value = getattr(self, name)
            number = not isinstance(value, bool) and isinstance(value, int | float)
            top = number and (value <= below if name == "base_rate" else value < below)
            if not (top and (value > 0 if above else value >= 0)):
                raise InputError(
                    f"Found {name}={value!r}; expected a number {'above' if above else 'from'} 0 "
                    f"and {'at most' if name == 'base_rate' else 'below'} {below:g}."
                )
        wide = self.enlarge
        if isinstance(wide, bool) or not isinstance(wide, int | float) or not 1 <= wide <= 8:
            raise InputError(f"Found enlarge={wide!r}; expected a number from 1 to 8.")
        if self.warm_up and self.schedule == "constant":
            raise InputError(
                f"Found warm_up={self.warm_up} with a constant rate; expected schedule='cosine', "
                "or no warm-up."
            )

    def recipe(self, training: bool) -> Recipe:
        """How radiographs become the network's input: moved in training, bare elsewhere."""
        moved = AUGMENTATIONS[self.augmentation] if training else UNAUGMENTED
        return Recipe(moved, equalize=self.equalize)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)
