"""What the paper printed, as data, and each of its claims with its test and its verdict."""

from boneage_lib.paper.claim import Claim, Verdict, ledger
from boneage_lib.paper.claims import built_claims, exact_claims, measured_claims
from boneage_lib.paper.label_claims import rmse_readings
from boneage_lib.paper.yardsticks import reference_errors, yardstick_table

__all__ = [
    "Claim",
    "Verdict",
    "built_claims",
    "exact_claims",
    "ledger",
    "measured_claims",
    "reference_errors",
    "rmse_readings",
    "yardstick_table",
]
