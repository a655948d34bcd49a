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
# # Real radiographs
#
# **What for.** What the networks do on real hands, whatever this run's own data: the numbers of the
# studies kept under `results/`, made with real radiographs of RSNA 2017 and ImageNet weights. No
# picture and no label of a patient is in this project; RSNA's data are to be had from the
# challenge's page {cite:p}`halabi2019rsna`.
#
# **Reads** `results/`. **Writes** nothing. **Costs** some seconds on one core.

# %% tags=["parameters"]
run_dir = "runs/demo"  # folder of this run
study = "rsna-500px"  # folder below results/

# %%
from boneage_lib.paper import reference_errors
from boneage_lib.report import figures, published_study, show, show_ledger, tables, use_theme

use_theme()
found = published_study(study)

# %% [markdown]
# ## What was done

# %%
print(tables.study_line(found))

# %% [markdown]
# ## Scores of the networks
#
# First on the test radiographs as they are, the primary result; then resampled to uniform age and
# sex, as in the paper. The validation and test radiographs are a stratified draw from RSNA's
# training set, whose labels are single clinical reads: not the test set of the challenge, whose
# labels are a consensus of six.

# %%
show(
    tables.study_table(found, "test"),
    "Errors on real test radiographs as they are; 95 % intervals in parentheses.",
)

# %%
show(
    tables.study_table(found, "test_resampled"),
    "The same after resampling the test radiographs to uniform age and sex, as in the paper.",
)

# %% mystnb={"figure": {"name": "fig-real-errors", "caption": "Mean absolute error on real test radiographs with 95 % intervals."}, "image": {"alt": "Points with intervals for the mean absolute error of each network and the ensembles, beside a constant guess."}}
figures.errors_bar(
    found.scores,
    {"constant guess": found.constant_mae_months, **reference_errors(found.metrics["data"])},
)

# %% [markdown]
# ## Which is better
#
# A difference whose interval includes zero decides nothing.

# %%
show(
    tables.pairs(found.metrics),
    "Differences in mean absolute error on the same real radiographs (months, first minus second).",
    decimals=2,
)

# %% mystnb={"figure": {"name": "fig-real-losses", "caption": "Validation loss of the four networks on real radiographs."}, "image": {"alt": "Validation loss against epoch, one line for each of the four networks."}}
figures.losses(found.histories, which="val_loss")

# %% [markdown]
# ## Patch size

# %%
show(
    found.patch_size_study.set_index("patch_count"),
    "Table 5's settings on real radiographs: one epoch, validation error in months.",
    decimals=2,
)

# %% mystnb={"figure": {"name": "fig-real-patches", "caption": "Validation error after one epoch by number and size of patches, real radiographs."}, "image": {"alt": "Mean absolute error in months with intervals for each number and size of patches."}}
figures.patch_validation(found.patch_size_study)

# %% [markdown]
# ## Ensembles

# %%
show(
    tables.ensembles(found.ensemble),
    "Ensembles and their members on real test radiographs; difference to the best member (months).",
    decimals=2,
)

# %% [markdown]
# ## The paper's claims on real radiographs
#
# The rows of {doc}`09_claims` that need radiographs, as this study measured them.

# %%
show_ledger(found.claims)
