"""Every table of the paper, one function a table: numbers to a DataFrame, its row or a line."""

from boneage_lib.report.tables.ablations import ablation
from boneage_lib.report.tables.data_size import data_size
from boneage_lib.report.tables.ensembles import (
    by_condition,
    changed_radiographs,
    ensembles,
    gaps,
    seeds,
)
from boneage_lib.report.tables.groups import errors_by_group
from boneage_lib.report.tables.ladder import coverage, ladder, pretraining
from boneage_lib.report.tables.networks import (
    against_constant,
    agreement,
    configurations,
    count_parameters,
    pairs,
    paper_row,
    parameter_table,
    scores_row,
    study_line,
    study_table,
    table_6,
    three_way,
)
from boneage_lib.report.tables.patches import fair_patch_study, patch_study, patches_at_test
from boneage_lib.report.tables.saliency import saliency
from boneage_lib.report.tables.showing import show

__all__ = [
    "ablation",
    "agreement",
    "against_constant",
    "by_condition",
    "changed_radiographs",
    "configurations",
    "count_parameters",
    "coverage",
    "data_size",
    "ensembles",
    "errors_by_group",
    "fair_patch_study",
    "gaps",
    "ladder",
    "pairs",
    "paper_row",
    "parameter_table",
    "patch_study",
    "patches_at_test",
    "pretraining",
    "saliency",
    "scores_row",
    "seeds",
    "show",
    "study_line",
    "study_table",
    "table_6",
    "three_way",
]
