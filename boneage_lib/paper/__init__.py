"""What the paper printed, as data, and each of its claims with its test and its verdict."""

from boneage_lib.paper.claim import Claim, Verdict, ledger
from boneage_lib.paper.claims import exact_claims, measured_claims
from boneage_lib.paper.label_claims import rmse_readings

__all__ = ["Claim", "Verdict", "exact_claims", "ledger", "measured_claims", "rmse_readings"]
