"""Prediction tables to numbers: errors with intervals, tests between networks, ensembles."""

from boneage_lib.evaluation.agreement import icc_2_1, limits_of_agreement, lin_ccc
from boneage_lib.evaluation.comparison import (
    compare_all,
    constant_guess,
    error_correlation,
    further_apart,
    holm,
    paired_difference,
    paired_over_seeds,
    permutation_p,
)
from boneage_lib.evaluation.ensemble import (
    WEIGHTINGS,
    combine,
    ensemble_study,
    ensembles_of,
    fit_weights,
    weights_for,
)
from boneage_lib.evaluation.ensemble_robustness import ensemble_robustness
from boneage_lib.evaluation.few_values import spread_interval, student_interval
from boneage_lib.evaluation.groups import (
    age_weighted_mae,
    by_group,
    calibration,
    evaluate_by_group,
)
from boneage_lib.evaluation.intervals import bootstrap_interval, fisher_interval
from boneage_lib.evaluation.metrics import evaluate
from boneage_lib.evaluation.patch_averages import patch_averages
from boneage_lib.evaluation.patch_sizes import patch_sizes
from boneage_lib.evaluation.predictions import (
    of_split,
    read_predictions,
    resampled,
    validate_predictions,
)
from boneage_lib.evaluation.printed import AS_PRINTED, COMPLETED
from boneage_lib.evaluation.seeds import seed_study
from boneage_lib.evaluation.summary import summary

__all__ = [
    "AS_PRINTED",
    "COMPLETED",
    "WEIGHTINGS",
    "age_weighted_mae",
    "bootstrap_interval",
    "by_group",
    "calibration",
    "combine",
    "compare_all",
    "constant_guess",
    "ensemble_robustness",
    "ensemble_study",
    "ensembles_of",
    "error_correlation",
    "evaluate",
    "evaluate_by_group",
    "fisher_interval",
    "further_apart",
    "fit_weights",
    "holm",
    "icc_2_1",
    "limits_of_agreement",
    "lin_ccc",
    "of_split",
    "paired_difference",
    "paired_over_seeds",
    "patch_averages",
    "patch_sizes",
    "permutation_p",
    "read_predictions",
    "resampled",
    "seed_study",
    "spread_interval",
    "student_interval",
    "summary",
    "validate_predictions",
    "weights_for",
]
