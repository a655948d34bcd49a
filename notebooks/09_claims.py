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
# **What for.** Every number that the paper prints and every statement it rests on, beside what was
# measured, with a computed verdict, its reason, and a link to the cell that measured it.
#
# **Reads** `results/` of this run and `results/benchmarks/training.json`. **Writes**
# `results/claims.json` and, with what decides its measured rows, `results/claim_inputs.json`.
# **Costs** half a minute on one core: it builds the four networks at full size.

# %% tags=["parameters"]
run_dir = "runs/demo"  # folder of this run

# %%
from boneage_lib.data import load_histogram
from boneage_lib.notebook import (
    Run,
    built_inputs,
    claim_inputs,
    keep_claims,
    show,
    show_ledger,
    use_theme,
    verdict_counts,
)
from boneage_lib.paper import (
    built_claims,
    exact_claims,
    ledger,
    rmse_readings,
)
from boneage_lib.paper.published import TITLES

use_theme()
run = Run(run_dir)

# %% [markdown]
# ## Measure
#
# Three kinds of rows. *Arithmetic and labels* decide what the label files, the descriptions and the
# printed numbers settle among themselves. *The networks, built* decide counts, cost and freezing,
# whatever their weights. *Radiographs* decide the rest: on synthetic ones or with random bases the
# numbers are shown, and the verdict says that this run cannot test the claim.

# %% tags=["nbval-ignore-output"]
rows = keep_claims(
    run,
    exact=ledger(exact_claims()),
    built=ledger(built_claims(built_inputs(run))),
    inputs=claim_inputs(run),
)

# %%
verdict_counts(rows)

# %% [markdown]
# *Confirmed*: the test agrees. *Approximately*: it agrees in part, or in direction with an interval
# that includes zero. *Contradicted*: it says the opposite. *Ambiguous*: the text has several
# readings that differ, or the intervals leave it open. *Not testable here*: something is
# missing, and the reason says what.
#
# ## The ledger
#
# Each row has an address: follow its name and copy the address of the page. In the book a click on
# a head sorts, and the buttons choose a verdict.

# %% tags=["nbval-ignore-output"]
show_ledger(rows, "The paper's claims and what this run says of them.")

# %% [markdown]
# ## Errors in months
#
# The paper's Table 6 gives errors in units of a standard deviation that the paper does not name. In months,
# under each reading:

# %%
show(
    rmse_readings(load_histogram())
    .replace({"network": TITLES})
    .rename(columns={"rmse_months": "RMSE_months"})
    .set_index("network"),
    "Errors of the paper's Table 6 in months, under each reading of its unit.",
    decimals=1,
)
