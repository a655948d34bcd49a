"""Training: settings, feature bank, heads, histories."""

from boneage_lib import backend  # noqa: F401  (loads Keras quietly, before anything else does)
from boneage_lib.training.banks import bank_room, fill_banks, of_seeds
from boneage_lib.training.extraction import Extractor
from boneage_lib.training.feature_bank import Bank, fill_bank
from boneage_lib.training.patch_study import patch_study, train_patches
from boneage_lib.training.plan import check_trainable, draw_epochs
from boneage_lib.training.reader import Reader
from boneage_lib.training.settings import ENGINES, SCHEDULES, Settings
from boneage_lib.training.train import Trained, train, train_seeds

__all__ = [
    "ENGINES",
    "SCHEDULES",
    "Bank",
    "Extractor",
    "Reader",
    "Settings",
    "Trained",
    "bank_room",
    "check_trainable",
    "draw_epochs",
    "fill_bank",
    "fill_banks",
    "of_seeds",
    "patch_study",
    "train",
    "train_patches",
    "train_seeds",
]
