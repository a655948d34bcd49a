"""What most notebooks use of a run: its results, tables, figures and claims, in one import."""

from boneage_lib.report import diagrams, figures, tables
from boneage_lib.report.collected import collect
from boneage_lib.report.ledger import built_inputs, claim_inputs, keep_claims
from boneage_lib.report.ledger_page import show_ledger, verdict_counts
from boneage_lib.report.results import keep, keep_patch_study
from boneage_lib.report.run import Run
from boneage_lib.report.studies import published_study
from boneage_lib.report.tables import show
from boneage_lib.report.theme import use_theme

__all__ = [
    "Run",
    "built_inputs",
    "claim_inputs",
    "collect",
    "diagrams",
    "figures",
    "keep",
    "keep_claims",
    "keep_patch_study",
    "published_study",
    "show",
    "show_ledger",
    "tables",
    "use_theme",
    "verdict_counts",
]
