"""Settings of a training: ranges, and reading them from a notebook's parameters."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from boneage_lib.errors import InputError
from boneage_lib.paper import published
from boneage_lib.training import SCHEDULES, Settings


def test_defaults_are_what_the_paper_prints() -> None:
    settings = Settings()
    assert settings.epochs == published.number("epochs")
    assert settings.batch_size == published.number("batch_size")
    assert settings.learning_rate == published.number("learning_rate")
    assert settings.patch_count == published.number("patches_per_image")
    assert settings.patch_size == published.number("patch_size")
    assert settings.batch_size * settings.patch_count == published.number("patch_batch")


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("epochs", 1),
        ("batch_size", 1),
        ("plateau_patience", 0),
        ("stop_patience", 0),
        ("draws_per_cell", 0),
        ("views", 0),
        ("patch_count", 1),
        ("patch_size", 1),
        ("evaluation_patches", 1),
        ("seed", 0),
    ],
)
def test_counts_start_at_their_least_and_are_whole(name: str, least: int) -> None:
    assert getattr(Settings(**{name: least}), name) == least
    for wrong in (least - 1, 1.5, True, "3", None):
        with pytest.raises(InputError, match=f"Found {name}={wrong!r}.*from {least}"):
            Settings(**{name: wrong})  # type: ignore[arg-type]


@pytest.mark.parametrize("rate", [0, 1, -1e-3, float("nan"), float("inf")])
def test_learning_rates_outside_zero_to_one_are_refused(rate: float) -> None:
    with pytest.raises(InputError, match="learning_rate"):
        Settings(learning_rate=rate)


@pytest.mark.parametrize("rate", [-0.1, 1, float("nan")])
def test_dropout_rates_outside_zero_to_one_are_refused(rate: float) -> None:
    with pytest.raises(InputError, match="dropout"):
        Settings(dropout=rate)


def test_unknown_schedules_are_refused_by_naming_the_known() -> None:
    with pytest.raises(InputError, match="'cosine'.*" + ", ".join(SCHEDULES)):
        Settings(schedule="cosine")


def test_settings_named_in_parameters_are_taken_and_others_passed_over() -> None:
    parameters: dict[str, Any] = {"run_dir": "runs/demo", "epochs": 3, "keep_maps": True}
    assert Settings.named_in(parameters) == Settings(epochs=3)


def test_as_dict_holds_every_setting_and_makes_the_same_settings_again() -> None:
    settings = Settings(epochs=2, seed=5, schedule="constant")
    assert set(settings.as_dict()) == {item.name for item in fields(Settings)}
    assert Settings(**settings.as_dict()) == settings
