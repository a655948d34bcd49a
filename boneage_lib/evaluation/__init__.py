"""Prediction tables to numbers: errors with intervals, tests between networks, ensembles."""

from boneage_lib.evaluation.comparison import (
    compare_all,
    constant_guess,
    error_correlation,
    holm,
    paired_difference,
)
from boneage_lib.evaluation.ensemble import (
    WEIGHTINGS,
    combine,
    ensemble_study,
    fit_weights,
    weights_for,
)
from boneage_lib.evaluation.intervals import bootstrap_interval, fisher_interval
from boneage_lib.evaluation.metrics import age_weighted_mae, by_group, evaluate
from boneage_lib.evaluation.predictions import (
    read_predictions,
    resampled,
    validate_predictions,
)
from boneage_lib.evaluation.printed import AS_PRINTED

__all__ = [
    "AS_PRINTED",
    "WEIGHTINGS",
    "age_weighted_mae",
    "bootstrap_interval",
    "by_group",
    "combine",
    "compare_all",
    "constant_guess",
    "ensemble_study",
    "error_correlation",
    "evaluate",
    "fisher_interval",
    "fit_weights",
    "holm",
    "paired_difference",
    "read_predictions",
    "resampled",
    "validate_predictions",
    "weights_for",
]
