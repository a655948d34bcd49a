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
from boneage_lib.notebook import figures, published_study, show, show_ledger, tables, use_theme
from boneage_lib.paper import reference_errors

use_theme()
found, reduced = published_study(study), published_study("rsna-100px")
absent = "This study holds none."

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
    "The same after resampling the test radiographs to uniform age and sex, as in the paper; "
    "without p, as radiographs repeat.",
)

# %%
show(
    tables.agreement(found.metrics),
    "How near the answers come: shares within so many months of the reference, the distance that "
    "nine of ten stay below, 95 % limits of agreement (Bland and Altman) and Lin's concordance; "
    "95 % intervals in parentheses.",
)

# %% mystnb={"figure": {"name": "fig-real-errors", "caption": "Mean absolute error on real test radiographs with 95 % intervals, each network's first training."}, "image": {"alt": "A point with its interval gives the mean absolute error of each network and ensemble on real test radiographs; a dashed line marks a constant guess, and on the challenge's own test set others mark published errors."}}
figures.errors_bar(
    found.scores,
    {"constant guess": found.constant_mae_months, **reference_errors(found.metrics["data"])},
)

# %% [markdown]
# ## Which is better
#
# A difference whose interval includes zero decides nothing. The intervals are of one pair at a time,
# the p-values are corrected for the number of pairs. The ledger's verdicts judge each claim by its
# own intervals, over radiographs and over seeds, without that correction.

# %%
show(
    tables.pairs(found.metrics),
    "Differences in mean absolute error on the same real radiographs (months, first minus second), "
    "with 95 % bootstrap intervals of one pair at a time, and Wilcoxon's p after Holm's correction "
    "for all pairs.",
    decimals=2,
)

# %% mystnb={"figure": {"name": "fig-real-losses", "caption": "Validation loss of the four networks on real radiographs."}, "image": {"alt": "Four lines, one for each network, show the validation loss on real radiographs against the epoch."}}
figures.losses(found.histories, which="val_loss")

# %% [markdown]
# ## Patch size

# %%
show(
    tables.patch_study(found.patch_size_study),
    "The settings of the paper's Table 5 on real radiographs after one epoch: losses of single patches, and the mean "
    "absolute error of validation radiographs with its 95 % interval (months).",
    decimals=2,
)

# %% mystnb={"figure": {"name": "fig-real-patches", "caption": "Validation error after one epoch by number and size of patches, real radiographs."}, "image": {"alt": "A point with its interval gives the mean absolute error in months on real radiographs for each number and size of patches."}}
figures.patch_validation(found.patch_size_study)

# %% [markdown]
# With the same number of patches a step and of updates, over several seeds, as in
# {doc}`07_patch_size_study`:

# %%
show(
    tables.fair_patch_study(found.patch_sizes),
    "The fair version on real radiographs: mean absolute error of validation radiographs (months) "
    "with its 95 % interval over radiographs and over seeds.",
    absent=absent,
)

# %% [markdown]
# One patch, a few, or a grid of all: how the trained network's answers to patches become the age of
# a test radiograph ({doc}`06_resnet50_patches`).

# %%
show(
    tables.patches_at_test(found.patches_at_test),
    "Error on real test radiographs, so many of them, by the patches that are combined, months; 95 % "
    "intervals over radiographs in parentheses.",
    absent=absent,
)

# %% [markdown]
# ## Ensembles

# %%
show(
    tables.ensembles(found.ensemble),
    "Ensembles and their members on real test radiographs, and the ensembles' error less that of "
    "the best member (months), with 95 % bootstrap intervals.",
    decimals=2,
)

# %%
show(
    tables.gaps(found.ensemble),
    "Overfitting: mean absolute error on training and validation radiographs, the second less the "
    "first, and that less the members' mean by the ensemble's weights and less the smallest of "
    "theirs (months); 95 % Welch intervals.",
    decimals=1,
)

# %%
show(
    tables.seeds(found.over_seeds),
    "What other seeds change, on real test radiographs (months): the mean error with Student's "
    "interval, its standard deviation with the χ² interval, the mean deviation of a radiograph's "
    "answers with its bootstrap interval, the same less the steadiest member's, and the "
    "train-validation gap.",
    absent=absent,
)

# %%
show(
    tables.changed_radiographs(found.robustness),
    "Mean absolute error on real test radiographs as they are and changed on purpose, averaged over "
    "all changes, with the ensembles' error and its rise less their best member's (months); 95 % "
    "bootstrap intervals.",
    absent=absent,
)

# %% [markdown]
# ## What the paper tried
#
# Learning-rate schedules, resampling and the form of ResNet50's input, each with all else the same
# ({doc}`04_xception`, {doc}`06_resnet50_patches`): errors of validation radiographs.

# %%
show(
    tables.ablation(found.ablations.get("schedules")),
    "Xception under each learning-rate schedule: mean absolute error of validation radiographs, "
    "months.",
    absent=absent,
)

# %%
show(
    tables.ablation(found.ablations.get("resampling")),
    "Xception with and without resampling: mean absolute error of validation radiographs, months.",
    absent=absent,
)

# %%
show(
    tables.ablation(found.ablations.get("input_form")),
    "ResNet50 on patches with both forms of input: mean absolute error of validation radiographs, "
    "months.",
    absent=absent,
)

# %% [markdown]
# ## Where the networks look

# %%
show(
    tables.saliency(found.saliency),
    "Share of Grad-CAM's strength that lies on the hand, beside the hand's share of the picture; on "
    "the worst errors, its rank correlation with occlusion. 95 % intervals in parentheses.",
    absent=absent,
)

# %% [markdown]
# ## The paper's claims on real radiographs
#
# The rows of {doc}`09_claims` that need radiographs, as this study measured them.

# %%
show_ledger(found.claims, "The paper's claims and what this study says of them.")

# %% [markdown]
# ## All training radiographs, reduced
#
# The paper had many times as many radiographs. Here are all of RSNA's training set at 100 × 100, most
# of them to train on: the same networks, draws and number of seeds, with fewer views of each
# radiograph. What needs fine detail cannot be seen there, and patches keep their share of the hand
# where ResNet50 allows. How the error falls with the
# number of radiographs stands in {doc}`11_beyond`.

# %%
print(tables.study_line(reduced))

# %% of="rsna-100px"
show(
    tables.study_table(reduced, "test"),
    "Errors on real test radiographs, reduced, as they are; 95 % intervals in parentheses.",
)

# %% of="rsna-100px" mystnb={"figure": {"name": "fig-reduced-errors", "caption": "Mean absolute error on real test radiographs reduced to 100 × 100, with 95 % intervals, each network's first training."}, "image": {"alt": "A point with its interval gives the mean absolute error of each network and ensemble on reduced real test radiographs; a dashed line marks a constant guess."}}
figures.errors_bar(reduced.scores, {"constant guess": reduced.constant_mae_months})

# %% of="rsna-100px"
show(
    tables.pairs(reduced.metrics),
    "Differences in mean absolute error on the same reduced radiographs (months, first minus second), "
    "with 95 % bootstrap intervals of one pair at a time, and Wilcoxon's p after Holm's correction "
    "for all pairs.",
    decimals=2,
)

# %% of="rsna-100px"
show(
    tables.seeds(reduced.over_seeds),
    "What other seeds change, on reduced real test radiographs (months); columns as above.",
    absent=absent,
)

# %% of="rsna-100px"
show(
    tables.fair_patch_study(reduced.patch_sizes),
    "The fair patch study on reduced real radiographs: mean absolute error of validation radiographs "
    "(months) with its 95 % interval over radiographs and over seeds.",
    absent=absent,
)

# %% of="rsna-100px"
show(
    tables.ablation(reduced.ablations.get("schedules")),
    "Xception under each learning-rate schedule on reduced radiographs: mean absolute error of "
    "validation radiographs, months.",
    absent=absent,
)

# %% of="rsna-100px"
show(
    tables.ablation(reduced.ablations.get("resampling")),
    "Xception with and without resampling on reduced radiographs: mean absolute error of "
    "validation radiographs, months.",
    absent=absent,
)

# %% of="rsna-100px"
show(
    tables.ablation(reduced.ablations.get("input_form")),
    "ResNet50 on patches of reduced radiographs with both forms of input: mean absolute error of "
    "validation radiographs, months.",
    absent=absent,
)

# %% of="rsna-100px"
show(
    tables.saliency(reduced.saliency),
    "Where the networks look on reduced radiographs; columns as above.",
    absent=absent,
)

# %% of="rsna-100px"
show_ledger(reduced.claims, "The same claims, and what this study says of them.", of="rsna-100px")
