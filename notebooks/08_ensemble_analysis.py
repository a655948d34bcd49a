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
# # Compare the networks and average them
#
# **What for.** Section VI.C of the paper: its Figures 4a, 4b and 6, its Table 6, and the ensemble with weights 0.5, 0.1
# and 0.1. Then what the paper says of it: does it predict better than its members (section II), more
# robustly and with less overfitting (abstract)?
#
# **Reads** what notebooks 03 to 06 wrote. **Writes** `results/metrics.json`,
# `results/ensemble.csv`, `results/ensemble_over_seeds.csv` where there are several seeds,
# `results/ensemble_robustness.csv`, and `predictions/ensemble.csv`. **Costs** some seconds on one
# core.

# %% tags=["parameters"]
run_dir = "runs/demo"  # folder of this run
seed = 0  # of the bootstrap

# %%
from boneage_lib.notebook import Run, collect, figures, show, tables, use_theme

use_theme()
run = Run(run_dir)
found = collect(run, seed)

# %% [markdown]
# ## Training
#
# Table 4 of the paper lists four configurations: whole radiographs for InceptionV3, Xception and
# Xception with attention, patches for ResNet50.

# %% tags=["nbval-ignore-output"]
show(
    tables.configurations(found.metrics),
    "The training configurations of this run, and those that the paper's Table 4 prints.",
)

# %% tags=["nbval-ignore-output"] mystnb={"figure": {"name": "fig-4a", "caption": "Training loss of the four networks (the paper's Figure 4a)."}, "image": {"alt": "Four lines, one for each network, show the training loss against the epoch."}}
figures.losses(found.histories, which="loss")

# %% tags=["nbval-ignore-output"] mystnb={"figure": {"name": "fig-4b", "caption": "Validation loss of the four networks (the paper's Figure 4b)."}, "image": {"alt": "Four lines, one for each network, show the validation loss against the epoch."}}
figures.losses(found.histories, which="val_loss")

# %% [markdown]
# ## Scores
#
# The last column of the paper's Table 6 is headed "P-value". Its numbers are those of Pearson's
# correlation; a p-value of so strong a correlation would be unprintably small.

# %% tags=["nbval-ignore-output"]
show(
    tables.table_6(found.metrics),
    "Errors on this run's test radiographs as they are, and those that the paper's Table 6 prints; "
    "95 % intervals in parentheses.",
)

# %% tags=["nbval-ignore-output"]
show(
    tables.agreement(found.metrics),
    "How near the answers come on this run's test radiographs: shares within so many months of the "
    "reference, the distance that nine of ten stay below, 95 % limits of agreement (Bland and "
    "Altman) and Lin's concordance; 95 % intervals in parentheses.",
)

# %% tags=["nbval-ignore-output"]
show(
    tables.pairs(found.metrics),
    "Differences in mean absolute error on the same radiographs (months, first minus second), with "
    "95 % bootstrap intervals of one pair at a time, and Wilcoxon's p after Holm's correction for "
    "all pairs.",
    decimals=2,
)

# %% tags=["nbval-ignore-output"] mystnb={"figure": {"name": "fig-error-correlation", "caption": "Correlation of the networks' errors on test: the lower, the more an average can gain."}, "image": {"alt": "A square of colored cells gives the correlation between the errors of every two of the four networks, as a number and as a shade."}}
figures.error_correlation(found.error_correlation)

# %% [markdown]
# ## Ensemble
#
# The printed weights sum to 0.7. Taken literally they pull every answer toward the mean. Divided
# by their sum they are a weighted average ("normalized"); with 0.8 in place of 0.5 they are another
# ("completed"). Equal weights ask nothing, and the fitted weights come from the validation set
# alone, by non-negative least squares. The paper leaves the attention network out, having seen it
# on test; here equal and fitted weights are tried with it as well.
#
# Is an average better than its best member? Best on test is a choice in the member's favor, made
# with a look at the answers; best on validation is what a user could have chosen. Both differences
# are on the same test radiographs.

# %% tags=["nbval-ignore-output"]
show(
    tables.ensembles(found.ensemble),
    "Ensembles and their members on test, and the ensembles' error less that of the best member "
    "(months), with 95 % bootstrap intervals.",
    decimals=2,
)

# %% tags=["nbval-ignore-output"] mystnb={"figure": {"name": "fig-6", "caption": "Predicted against true bone age on test in z-units, for every network and the ensemble with the printed weights divided by their sum (the paper's Figure 6)."}, "image": {"alt": "A panel for each network and for the ensemble shows predicted against true bone age in z, a point a radiograph, and the line where both are equal."}}
figures.predictions(found.test, normalizer=found.normalizer, unit="z")

# %% tags=["nbval-ignore-output"] mystnb={"figure": {"name": "fig-error-by-age", "caption": "Mean absolute error, and below it the mean error, by age on test, with 95 % intervals."}, "image": {"alt": "Two panels show the mean absolute error and the mean error in months by age band, a point with its interval for each network and the ensemble."}}
figures.error_by_age(found.test)

# %% tags=["nbval-ignore-output"] mystnb={"figure": {"name": "fig-errors", "caption": "Mean absolute error on test with 95 % intervals, beside a constant guess."}, "image": {"alt": "A point with its interval gives the mean absolute error of each network and of the ensemble on this run's test radiographs; a vertical line marks a constant guess."}}
figures.errors_bar(found.scores, {"constant guess": found.constant_mae_months})

# %% [markdown]
# ## Does it overfit less?
#
# A network that has learned its training radiographs by heart errs less on them than on others.
# The gap is measured on radiographs as they are, unaugmented, with a random sample of the training
# set. An ensemble errs on the same radiographs as its members, so that the difference between its
# gap and theirs is far better known than either. Weights alone make a gap smaller than the plain
# mean of the members' where they favor the member that overfits least; so it is held against the
# mean by the same weights, and against the smallest. A smaller gap is not yet a smaller error.

# %% tags=["nbval-ignore-output"]
show(
    tables.gaps(found.ensemble),
    "Mean absolute error on training and validation radiographs, the second less the first, and "
    "that less the members' mean by the ensemble's weights and less the smallest of theirs "
    "(months); 95 % Welch intervals.",
    decimals=1,
)

# %% tags=["nbval-ignore-output"] mystnb={"figure": {"name": "fig-train-validation", "caption": "Error on training and validation radiographs of every network and ensemble: the longer the line, the more it overfits."}, "image": {"alt": "For each network and ensemble a line joins two points, the error on training and on validation radiographs in months."}}
figures.train_and_validation(found.ensemble)

# %% [markdown]
# ## Is it more robust?
#
# Two things may be meant. One is that training again, with other draws, initial weights and
# dropout, changes less: the standard deviation of the error over seeds, and how far the answers to
# one radiograph lie from their mean. The ensemble of a seed averages that seed's members. The other
# is that a radiograph which was turned, dimmed or otherwise changed costs less.

# %% tags=["nbval-ignore-output"]
show(
    tables.seeds(found.over_seeds),
    "What other seeds change, on test (months): the mean error with Student's interval, its "
    "standard deviation with the χ² interval, the mean deviation of a radiograph's answers with its "
    "bootstrap interval, the same less the steadiest member's, and the train-validation gap.",
    absent="Every network was trained once: a spread over seeds takes `seeds` of 2 or more.",
)

# %% tags=["nbval-ignore-output"]
show(
    tables.changed_radiographs(found.robustness),
    "Mean absolute error on test radiographs as they are and changed, averaged over the conditions "
    "below (months), with 95 % bootstrap intervals.",
    absent="No network of this run was asked about changed radiographs.",
)

# %% tags=["nbval-ignore-output"]
show(
    tables.by_condition(found.changed),
    "Mean absolute error under each condition, averaged over its strengths (months).",
    decimals=1,
    absent="So there is no table of conditions.",
)

# %% [markdown]
# Every change by its strength, for each network and the ensemble with the printed weights divided by
# their sum. The dashed lines are the errors on the radiographs as they are.

# %% tags=["nbval-ignore-output"] mystnb={"figure": {"name": "fig-robustness", "caption": "Mean absolute error on changed test radiographs against the strength of the change, with 95 % intervals; dashed: as they are."}, "image": {"alt": "A panel for each change of the radiograph shows the mean absolute error in months against its strength, a line for each network and the ensemble; dashed lines show the error on unchanged radiographs."}}
from boneage_lib.report.robustness import robustness_tables

figures.robustness(robustness_tables(run), seed)

# %% [markdown]
# ## The paper, the real study and this run
#
# The paper prints no score of its ensemble. The weights here are the printed ones divided by their
# sum.

# %% tags=["nbval-ignore-output"]
show(
    tables.three_way(
        "ensemble",
        {"data": found.metrics["data"], "metrics": found.metrics["networks"]["ensemble"]},
    ),
    "The ensemble: what the paper printed, what real radiographs gave, and what this run gave.",
)
