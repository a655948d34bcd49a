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
# **What for.** Table 5 and Figure 5: ResNet50 trained for one epoch on many small or few large
# patches. The paper compares the training loss of single patches; beside it stands the error of
# whole validation radiographs, which is what a reader wants to know.
#
# **Reads** the run's cohort. **Writes** `results/patch_size_study.csv` and
# `results/patch_losses.csv`.
# **Costs** four passes of the base over the patches of every training radiograph, some 60 % of its
# pixels each: about a minute in the demo, some minutes at 500 px on two cores.

# %% tags=["parameters"]
run_dir = "runs/demo"  # folder of this run
weights = "random"  # imagenet, random, or a folder with Keras' notop weights
batch_size = 8  # radiographs a step
learning_rate = 1e-3
draws_per_cell = 50  # from each age bin × sex; 500 on real radiographs
views = 1  # distinct augmented views of a radiograph
seed = 0

# %%
from boneage_lib.inputs import table_5_at
from boneage_lib.report import Run, figures, show, tables, use_theme
from boneage_lib.training import Settings, patch_study

use_theme()
run = Run(run_dir)
cohort = run.cohort()
settings = Settings.named_in(globals())

# %% [markdown]
# At 500 pixels the four settings are Table 5's. On smaller radiographs a patch keeps its share of
# the hand, down to the 32 pixels that ResNet50 needs at least.

# %% tags=["nbval-ignore-output"]
patches = table_5_at(cohort.size)
study, curves = patch_study(
    cohort, settings, patches, run.bank, weights, checkpoints=run.checkpoints
)
summary = tables.patch_study_table(study)
run.write_table("results/patch_size_study.csv", summary)
run.write_table("results/patch_losses.csv", curves)
show(
    summary.set_index("patch_count"),
    "Table 5 with what one epoch gave: pixels shown and their share of the radiograph, training "
    "and validation loss of single patches (z²), and the mean absolute error of validation "
    "radiographs with its 95 % interval (months).",
    decimals=2,
)

# %% tags=["nbval-ignore-output"] mystnb={"figure": {"name": "fig-5", "caption": "Training loss over one epoch for each number and size of patches (Figure 5)."}, "image": {"alt": "Four falling curves of training loss against step, one for each number and size of patches."}}
figures.patch_losses(
    {
        f"{count} × {size}²": rows
        for (count, size), rows in curves.groupby(["patch_count", "patch_size"])
    }
)

# %% tags=["nbval-ignore-output"] mystnb={"figure": {"name": "fig-5b", "caption": "Error of validation radiographs after that epoch, answers averaged over a radiograph's patches."}, "image": {"alt": "Mean absolute error in months with intervals for each number and size of patches."}}
figures.patch_validation(summary)

# %% [markdown]
# The training loss of single patches is not the error of a radiograph: many small patches are
# averaged over, and a step that sees 150 patches of a radiograph is not the step that sees three.
