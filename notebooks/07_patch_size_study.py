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
# # Study the patch size
#
# **What for.** The paper's Table 5 and Figure 5: ResNet50 trained for one epoch on many small or few large
# patches. First as the paper did it, by the training loss of single patches; then so that the
# settings can be compared: as many patches a step and as many updates for all, several seeds, and
# the error of whole validation radiographs, which is what a reader wants to know.
#
# **Reads** the run's cohort. **Writes** `results/patch_size_study.csv` and
# `results/patch_losses.csv` (as printed), `results/patch_size_fair.csv` and
# `results/patch_sizes.json` (fair), and what each setting took in
# `results/timing/patch_size_study.json`.
# **Costs** a pass of the base for every setting over the patches of every training radiograph, some
# 60 % of its pixels each: about a minute in the demo, some minutes at 500 px on two cores. The fair version
# trains its heads on the same features, some seconds each.

# %% tags=["parameters"]
run_dir = "runs/demo"  # folder of this run
weights = "random"  # imagenet, random, or a folder with Keras' notop weights
batch_size = 8  # radiographs a step
learning_rate = 1e-3
draws_per_cell = 50  # from each age bin × sex; 500 on real radiographs
views = 1  # distinct augmented views of a radiograph
patches_a_step = 24  # of the fair version, whatever their size: as many as 8 radiographs × 3
seed = 0
seeds = 1  # trainings of each setting in the fair version; 5 on real radiographs

# %%
from boneage_lib.inputs import table_5_at
from boneage_lib.notebook import Run, figures, keep_patch_study, show, tables, use_theme
from boneage_lib.training import Settings, fair_patch_study, patch_study

use_theme()
run = Run(run_dir)
cohort = run.cohort()
settings = Settings.named_in(globals())

# %% [markdown]
# At 500 pixels the four settings are those of the paper's Table 5. On smaller radiographs a patch
# keeps its share of the hand, down to the 32 pixels that ResNet50 needs at least; of patches that
# this makes larger there are fewer, so that the pixel budget stays some 60 %.

# %% tags=["nbval-ignore-output"]
patches = table_5_at(cohort.size)
study, curves = patch_study(
    cohort, settings, patches, run.bank, weights, checkpoints=run.checkpoints
)
fair = fair_patch_study(
    cohort, settings, seeds, patches, run.bank, weights, checkpoints=run.checkpoints
)
printed, fair_by_seed, sizes = keep_patch_study(run, study, curves, fair)

# %% [markdown]
# ## As printed
#
# A step sees all patches of its radiographs: of the largest a few, of the smallest many more, fifty
# times as many at 500 pixels. With the size of a patch, then, changes how many a step averages over, and the loss of
# single small patches says little of a radiograph whose answer is averaged over many of them.

# %% tags=["nbval-ignore-output"]
show(
    tables.patch_study(printed),
    "The settings of the paper's Table 5 and what one epoch gave: pixels shown and their share of the radiograph, training "
    "and validation loss of single patches (z²), and the mean absolute error of validation "
    "radiographs with its 95 % interval (months).",
    decimals=2,
)

# %% tags=["nbval-ignore-output"] mystnb={"figure": {"name": "fig-5", "caption": "Training loss over one epoch for each number and size of patches (the paper's Figure 5)."}, "image": {"alt": "Curves of training loss fall with the steps of an epoch, one for each number and size of patches."}}
figures.patch_losses(
    {
        f"{count} × {size}²": rows
        for (count, size), rows in curves.groupby(["patch_count", "patch_size"])
    }
)

# %% tags=["nbval-ignore-output"] mystnb={"figure": {"name": "fig-5b", "caption": "Error of validation radiographs after that epoch, answers averaged over a radiograph's patches."}, "image": {"alt": "A point with its interval gives the mean absolute error in months for each number and size of patches, after one epoch as printed."}}
figures.patch_validation(printed)

# %% [markdown]
# ## The same number of patches a step
#
# Now every step of every setting sees the same radiographs in the same order, and of each as many
# patches, drawn anew from those of its setting whenever the radiograph is used. So all settings
# make the same number of updates with the same number of patches behind each, and start from the
# same weights. A validation radiograph is read by all patches of its setting, whose pixels are
# nearly the same in number.
#
# What stays confounded: large patches fill a step with far more pixels than small ones; of many
# small patches there is more choice, so that a head sees each less often; the base was trained on
# pictures as wide as the largest patches, and the smallest leave its last layers a single position.
# One epoch compares how fast a head learns as well as how far it gets.

# %% tags=["nbval-ignore-output"]
show(
    tables.fair_patch_study(sizes),
    "The fair version: pixels of a radiograph's patches and of a step, and the mean absolute error "
    "of validation radiographs (months), averaged over seeds, with its 95 % interval over "
    "radiographs, Student's over seeds where there are several, and the difference to the largest "
    "patches on the same radiographs.",
)

# %% tags=["nbval-ignore-output"] mystnb={"figure": {"name": "fig-5c", "caption": "Error of validation radiographs in the fair version, a point for each seed with its interval over radiographs."}, "image": {"alt": "For each number and size of patches, points with intervals give the mean absolute error in months in the fair version, one for each seed."}}
figures.patch_validation(fair_by_seed)
