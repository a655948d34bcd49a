# ---
# jupyter:
#   jupytext:
#     formats: py:percent,ipynb
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Test the paper's claims
#
# **What for.** Every number that the paper prints, beside what this run measured, with a computed
# verdict and its reason.
#
# **Reads** `results/metrics.json` and `results/patch_size_study.csv`. **Writes**
# `results/claims.json`. **Costs** some seconds on one core.

# %% tags=["parameters"]
run_dir = "runs/demo"  # folder of this run

# %%
from boneage_lib.data import load_histogram
from boneage_lib.paper import exact_claims, ledger, measured_claims, rmse_readings
from boneage_lib.report import Run, claim_inputs, keep_claims, show, use_theme

use_theme()
run = Run(run_dir)

# %% [markdown]
# ## What arithmetic decides
#
# These rows need no radiograph: they follow from the labels, the architectures and the printed
# numbers themselves.

# %%
exact = ledger(exact_claims())
show(
    exact.set_index("id")[["place", "statement", "measured", "verdict", "reason"]],
    "Claims that arithmetic decides.",
)

# %% [markdown]
# Table 6 gives errors in units of a standard deviation that the paper does not name. In months:

# %%
show(
    rmse_readings(load_histogram()).set_index("network"),
    "Table 6's errors in months under each reading of its unit.",
    decimals=1,
)

# %% [markdown]
# ## What a run measures
#
# On synthetic radiographs or with random bases the numbers are shown, and the verdict says that
# this run cannot test the claim.

# %% tags=["nbval-ignore-output"]
measured = ledger(measured_claims(claim_inputs(run)))
show(
    measured.set_index("id")[["place", "statement", "measured", "verdict", "reason"]],
    "Claims that a run measures.",
)

# %% tags=["nbval-ignore-output"]
keep_claims(run, exact, measured)
