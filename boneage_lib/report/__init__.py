"""A run's folder, what made its results, its tables, figures and book."""

from boneage_lib.report import diagrams, figures, tables
from boneage_lib.report.collect import collect
from boneage_lib.report.ledger import built_inputs, claim_inputs, keep_claims
from boneage_lib.report.ledger_page import show_ledger, verdict_counts
from boneage_lib.report.results import keep, keep_patch_study
from boneage_lib.report.run import MissingResult, Run, project_root
from boneage_lib.report.studies import keep_study, published_study
from boneage_lib.report.tables import show
from boneage_lib.report.theme import use_theme

__all__ = [
    "MissingResult",
    "Run",
    "built_inputs",
    "claim_inputs",
    "collect",
    "diagrams",
    "figures",
    "keep",
    "keep_claims",
    "keep_patch_study",
    "keep_study",
    "project_root",
    "published_study",
    "show",
    "show_ledger",
    "tables",
    "use_theme",
    "verdict_counts",
]
