"""Training: settings, feature bank, heads, histories."""

from boneage_lib import backend  # noqa: F401  (loads Keras quietly, before anything else does)
from boneage_lib.training.banks import fill_banks, of_seeds
from boneage_lib.training.extraction import Extractor
from boneage_lib.training.feature_bank import Bank, fill_bank
from boneage_lib.training.patch_answers import PatchAnswers, patch_answers
from boneage_lib.training.patch_study import (
    fair_patch_study,
    patch_study,
    train_patches,
    train_patches_fairly,
    with_patches,
)
from boneage_lib.training.plan import check_trainable, draw_epochs
from boneage_lib.training.reader import Reader
from boneage_lib.training.settings import ENGINES, SCHEDULES, Settings
from boneage_lib.training.train import Trained, train, train_seeds

__all__ = [
    "ENGINES",
    "SCHEDULES",
    "Bank",
    "Extractor",
    "PatchAnswers",
    "Reader",
    "Settings",
    "Trained",
    "check_trainable",
    "draw_epochs",
    "fair_patch_study",
    "fill_bank",
    "fill_banks",
    "of_seeds",
    "patch_answers",
    "patch_study",
    "train",
    "train_patches",
    "train_patches_fairly",
    "train_seeds",
    "with_patches",
]
