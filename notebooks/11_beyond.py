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
# # Beyond the paper
#
# **What for.** How far the same network goes when the paper's limits are lifted: a base that may
# learn, other rates, another loss, other draws and augmentation, answers averaged and corrected.
# One step at a time, from the paper's recipe to the best one found.
#
# **Reads** the run's cohort, or the kept study's ladder where no steps are asked for. **Writes**
# weights, histories and predictions under `beyond/`, `results/beyond.json` and
# `results/data_size.json`. **Costs** nothing where it only shows; else every step sends each
# radiograph of every epoch forward and back through the whole network, hours on a processor.

# %% tags=["parameters"]
run_dir = "runs/demo"  # folder of this run
weights = "random"  # imagenet, random, or a folder with Keras' notop weights
rungs = "none"  # steps to try, with commas between; + joins several; all; none shows the kept study
network = "xception"
step_epochs = 3  # of every step
step_draws = 0  # radiographs an epoch; 0: as many as there are in train
pretraining = 0  # synthetic radiographs of a step that begins with them; 0: no such step
few = 0  # real radiographs that the best recipe gets alone, with and without these first; 0: not
longer = 0  # epochs, of all training radiographs, of a last training; 0: no such step
larger = 0  # epochs that the best one goes on for on radiographs enlarged by half; 0: no such steps
rounds = 1  # how often it does so
members = 1  # trainings of the best recipe whose answers a last step averages; 1: no such step
judged = True  # False: the ladder leaves test alone while validation may still change settings
precision = "float32"  # or bfloat16, of the base
sizes = ""  # numbers of training radiographs to try with a frozen base, with commas between
seeds = 1  # trainings of each of these; 5 on real radiographs
draws_per_cell = 100  # of these, from each age bin × sex; 500 on real radiographs
views = 1  # of these, as in 04_xception, whose features are used
keep_maps = True  # as there, or its features are computed again
seed = 0
kept_ladder = "rsna-ladder"  # folder below results/
kept_begun = "rsna-pretraining"  # that of steps that begin with synthetic radiographs
kept_sizes = "rsna-100px"  # and that of the last part

# %%
from boneage_lib.notebook import Run, figures, show, tables, use_theme
from boneage_lib.report.reached import begun, on_some, reach

use_theme()
run = Run(run_dir)

# %% [markdown]
# ## The ladder
#
# Every step changes the best recipe so far in one thing, or in several at once. It is kept where it
# lowers the error of the validation radiographs, and the next step is added to it; else the next step is added to what was
# best before. All steps but the last few see as many real radiographs and start from the same
# weights, so that the first is the paper's network shortened, and a recipe that would
# win only after longer training can lose here. One seed trains each: the intervals are over
# radiographs, and a difference that another seed could have made is not told apart from a better
# recipe. The test radiographs are asked about once all steps are taken, and choose nothing; how often the
# kept study did so, {doc}`../book/discussion` says.

# %%
reached = reach(
    run,
    rungs,
    kept_ladder,
    weights,
    pretraining,
    few,
    longer,
    larger,
    rounds,
    members,
    judged,
    network=network,
    epochs=step_epochs,
    epoch_draws=step_draws,
    precision=precision,
    seed=seed,
)

# %%
show(
    tables.ladder(reached.found),
    f"Steps from the paper's recipe for {reached.network} to the best one, of {reached.on}: mean "
    "absolute errors (months) on validation and on test, with 95 % intervals, and the paired "
    "difference on test to what a step was added to.",
    absent=reached.absent,
    of=reached.of,
)

# %% mystnb={"figure": {"name": "fig-ladder", "caption": "Mean absolute error on test after each step, with 95 % intervals: filled where validation kept the step, hollow where it did not."}, "image": {"alt": "A column of points with intervals, one for each step from the paper's recipe on top to the last, gives the mean absolute error on test radiographs in months."}}
figures.ladder(reached.found, reached.of) if reached.found else None

# %% [markdown]
# ## Does it help to begin with synthetic radiographs?
#
# The same recipe, begun from ImageNet's weights or from those after as many epochs on synthetic
# radiographs, whose age, sex and anatomy are known exactly; with all real training radiographs and
# with few. The synthetic ones come on top: a network that begins with them makes twice as many
# updates, and every network as many on real radiographs, however few these are.

# %%
first = begun(reached, kept_begun)
show(
    tables.pretraining(first.found),
    f"Mean absolute errors on test (months) without and with synthetic radiographs first, of "
    f"{first.on}, with 95 % intervals, and their paired difference.",
    absent=first.absent,
    of=first.of,
)

# %% [markdown]
# ## Intervals that hold what they promise
#
# A split conformal interval is as wide as the errors on validation radiographs were
# {cite:p}`lei2018`: it asks nothing of their distribution, and promises nothing of a single group.
# How often it held the reference age of a test radiograph:

# %%
show(
    tables.coverage(reached.found),
    "Share of test radiographs whose reference age lies in the 90 % interval about the best step's "
    "answer, with Clopper and Pearson's 95 % interval of the share.",
    absent=reached.absent or "Too few validation radiographs for such an interval.",
    of=reached.of,
)

# %% [markdown]
# ## Would more radiographs help?
#
# The paper's recipe, its base frozen, on ever fewer training radiographs, the smaller sets within the
# larger ones, each with as many updates and about as many different views. Larson et al. {cite:p}`larson2018` trained whole networks
# and tested them on other examinations: the slopes compare, the errors do not.

# %%
some = on_some(
    run,
    sizes,
    kept_sizes,
    weights,
    network,
    seeds,
    draws_per_cell=draws_per_cell,
    views=views,
    keep_maps=keep_maps,
    seed=seed,
)

# %%
show(
    tables.data_size(some.found),
    f"Errors on test radiographs by number of training radiographs, of {some.on}: means with 95 % "
    "intervals over seeds, and the errors that Larson et al. printed for their own test.",
    absent=some.absent,
    of=some.of,
)

# %% mystnb={"figure": {"name": "fig-data-size", "caption": "Root mean square error by number of training radiographs, with 95 % intervals over seeds, beside the curve of Larson et al. on other examinations."}, "image": {"alt": "Two lines give the root mean square error in months against the number of training radiographs on a logarithmic axis: one of the frozen network here, one as Larson and others printed it."}}
figures.data_size(some.found, some.of) if some.found else None
