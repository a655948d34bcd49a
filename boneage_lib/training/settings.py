"""What a training depends on, checked before anything long begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from boneage_lib.errors import InputError

ENGINES = ("bank", "streaming")
SCHEDULES = ("plateau", "sawtooth", "exponential", "constant")
#: Both ends of the exponential decay that section III tried "within each epoch".
DECAY = (1e-3, 1e-5)


def check_whole_number(name: str, value: Any, least: int) -> None:
    """Raise InputError unless a setting is a whole number of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"Found {name}={value!r}; expected a whole number from {least}.")


@dataclass(frozen=True)
class Settings:
    """Settings of section III; the defaults are the paper's, where it names them.

    Attributes:
        epochs: passes over the resampled training set.
        batch_size: radiographs a step; with patches, a step sees this times the patches.
        learning_rate: Adam's, at the start.
        schedule: ``"plateau"`` (ReduceLROnPlateau), ``"sawtooth"`` (exponential decay 1e-3 to 1e-5
            within every epoch), ``"exponential"`` (the same once over all epochs), ``"constant"``.
        plateau_patience: epochs without a better validation loss before the rate is halved. The
            paper gives none; Keras' default of 10 could never act within seven epochs.
        stop_patience: epochs without a better validation loss before training stops.
        draws_per_cell: draws from each age bin × sex by the uniform resampling; 0: no resampling.
        epoch_draws: draws an epoch without resampling, shared out evenly among the radiographs over
            all epochs; 0: each once an epoch.
        views: distinct augmented views of a radiograph; 0: a new one for every draw.
        patch_count: patches a radiograph in training (patch networks).
        patch_size: side of a patch, pixels (patch networks).
        patches_a_step: patches that a step sees, shared out among its radiographs and drawn from
            their patches every time; 0: all patches of its radiographs (patch networks).
        evaluation_patches: random patches a radiograph whose answers are averaged in evaluation.
        dropout: rate between the last layers of the InceptionV3 network.
        seed: seed of draws, initial weights and dropout.
        views_seed: seed of the views and of random bases: heads of all seeds share one bank.
        engine: ``"bank"``, or ``"streaming"`` as the paper trains; the result is the same.
    """

    epochs: int = 7
    batch_size: int = 8
    learning_rate: float = 1e-3
    schedule: str = "plateau"
    plateau_patience: int = 2
    stop_patience: int = 4
    draws_per_cell: int = 500
    epoch_draws: int = 0
    views: int = 0
    patch_count: int = 3
    patch_size: int = 224
    patches_a_step: int = 0
    evaluation_patches: int = 3
    dropout: float = 0.2
    seed: int = 0
    views_seed: int = 0
    engine: str = "bank"

    def __post_init__(self) -> None:
        """Raise InputError for a value out of range."""
        for name, least in (
            ("epochs", 1),
            ("batch_size", 1),
            ("plateau_patience", 0),
            ("stop_patience", 0),
            ("draws_per_cell", 0),
            ("epoch_draws", 0),
            ("views", 0),
            ("patch_count", 1),
            ("patch_size", 1),
            ("patches_a_step", 0),
            ("evaluation_patches", 1),
            ("seed", 0),
            ("views_seed", 0),
        ):
            check_whole_number(name, getattr(self, name), least)
        if self.draws_per_cell and self.epoch_draws:
            raise InputError(
                f"Found epoch_draws={self.epoch_draws} with draws_per_cell={self.draws_per_cell}; "
                "expected one of the two to be 0: resampling has its own number of draws."
            )
        if self.seed >= 2**32:
            raise InputError(f"Found seed={self.seed}; expected a whole number below 2**32.")
        for name in ("learning_rate", "dropout"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise InputError(f"Found {name}={value!r}; expected a number.")
        if not 0 < self.learning_rate < 1:
            raise InputError(
                f"Found learning_rate={self.learning_rate!r}; expected a number between 0 and 1."
            )
        if not 0 <= self.dropout < 1:
            raise InputError(f"Found dropout={self.dropout!r}; expected a rate in [0, 1).")
        if self.engine not in ENGINES:
            raise InputError(f"Found engine={self.engine!r}; expected one of {', '.join(ENGINES)}.")
        if self.schedule not in SCHEDULES:
            raise InputError(
                f"Found schedule={self.schedule!r}; expected one of {', '.join(SCHEDULES)}."
            )

    @classmethod
    def named_in(cls, parameters: Mapping[str, Any]) -> Settings:
        """Settings from a notebook's parameters; names that are no setting are passed over."""
        known = {item.name for item in fields(cls)}
        return cls(**{name: value for name, value in parameters.items() if name in known})

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)
