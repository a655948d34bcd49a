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
# # Train ResNet50 on patches
#
# **What for.** The paper's best network (section V.D): a frozen ResNet50 that sees random
# overlapping patches instead of the whole radiograph, with 14 ReLU units on top.
#
# **Reads** the run's cohort. **Writes** the model, its history, its predictions,
# `results/resnet50_patches.json`, `results/patches_at_test.csv`, and a file each in
# `results/robustness/`, `saliency/` and `timing/`, with `ablation_seeds` also in `ablations/`.
# **Costs** three passes per view of the base on 224-pixel patches: on two cores about 0.1 s a view
# at 500 px; the head takes seconds. The grid takes 49 passes a test radiograph.

# %% tags=["parameters"]
run_dir = "runs/demo"  # folder of this run
weights = "random"  # imagenet, random, or a folder with Keras' notop weights
# Training (section III)
epochs = 7
batch_size = 8  # radiographs a step
learning_rate = 1e-3  # Adam's, at the start
schedule = "plateau"  # or sawtooth (1e-3 to 1e-5 within each epoch), exponential, constant
plateau_patience = 2  # epochs without improvement before the rate is halved
stop_patience = 4  # epochs without improvement before training stops
# Data
draws_per_cell = 100  # from each age bin × sex; 500 on real radiographs
views = 1  # distinct augmented views of a radiograph; 0 draws a new one every time
# Patches
patch_count = 3  # a radiograph, in training
patch_size = 115  # side, pixels: 224 of a 500-pixel radiograph, here of 256
evaluation_patches = 3  # a radiograph, their answers averaged
grid = 7  # patches along each side of a radiograph, in "Few or many patches"
patch_draws = 3  # sets of nine random patches there; 5 on real radiographs
patch_radiographs = 8  # test radiographs there; 0 takes all
input_form = "caffe"  # BGR minus mean, as the weights expect; "tf" is the paper's [-1, 1]
seed = 0
seeds = 1  # trainings, counted up from the seed; 5 on real radiographs
engine = "bank"  # or streaming, as the paper trains: same result, the base runs every epoch
ablation_seeds = 0  # trainings of each arm of the ablations; 5 on real radiographs, 0: none
# A closer look
robustness_radiographs = 4  # test radiographs that are changed on purpose; 0 takes all
saliency_radiographs = 8  # test radiographs whose saliency is averaged; 0 takes all
saliency_cases = 1  # radiographs shown singly, worst errors first

# %%
from boneage_lib.evaluation import patch_averages
from boneage_lib.evaluation.saliency_summary import age_bands
from boneage_lib.networks import build
from boneage_lib.notebook import Run, diagrams, figures, keep, show, tables, use_theme
from boneage_lib.report.ablation import show_ablation
from boneage_lib.report.closer_look import look, show_robustness, show_saliency
from boneage_lib.training import Reader, Settings, patch_answers, train_seeds

use_theme()
run = Run(run_dir)
cohort = run.cohort()
settings = Settings.named_in(globals())

# %% [markdown]
# ## The network
#
# Sex joins the pooled features as it is, without an encoding. Keras' ResNet50 weights expect BGR
# minus ImageNet's mean; the paper scales whole radiographs to [-1, 1] and is silent on patches.

# %% mystnb={"figure": {"name": "fig-3-resnet50-patches", "caption": "ResNet50 on patches, drawn from the built model (the paper's Figure 3). Gray: frozen."}, "image": {"alt": "Patch and sex go into the ResNet50 network, drawn as blocks: a frozen base, pooling, a concatenation with sex, a dense layer of 14 units, and one output."}}
model = build("resnet50_patches", settings.patch_size)
diagrams.architecture_diagram(model, "resnet50_patches")

# %%
show(
    tables.parameter_table({"resnet50_patches": model}),
    "Parameters of the built network beside those that the paper's Table 3 prints.",
)

# %% [markdown]
# ## Training
#
# The base is frozen and its batch-norm runs on stored statistics, so a view's features never
# change: they are computed once, kept in the run's feature bank, and the head is trained on them.
# The weights of the epoch with the lowest validation loss are kept. After every epoch the state is
# written down, so that a run that was stopped goes on from there.

# %% tags=["nbval-ignore-output"]
trained, *others = train_seeds(
    "resnet50_patches",
    cohort,
    settings,
    seeds,
    run.bank,
    weights,
    checkpoints=run.checkpoints,
    input_form=input_form,
)

# %% tags=["nbval-ignore-output"] mystnb={"figure": {"name": "fig-4-resnet50-patches", "caption": "Training and validation of ResNet50 on patches over the epochs of this run."}, "image": {"alt": "Charts of ResNet50 on patches' loss and mean absolute error in months against the epoch, each with a line for training and one for validation, stand above a chart of the learning rate."}}
figures.learning_curves(trained.history)

# %% [markdown]
# ## Held-out radiographs
#
# Augmentation is off, and the test set has chosen nothing.

# %% tags=["nbval-ignore-output"]
result = keep(run, trained, cohort, weights, others)
test = trained.predictions.query("split == 'test'").reset_index(drop=True)
tables.against_constant(result)

# %% tags=["nbval-ignore-output"] mystnb={"figure": {"name": "fig-6-resnet50-patches", "caption": "Bone age as predicted by ResNet50 on patches against the true one, on this run's test radiographs."}, "image": {"alt": "Each point is a test radiograph, with the bone age that ResNet50 on patches predicts, in months, against the true one; a line shows where both are equal."}}
figures.predictions({"resnet50_patches": test}, unit="months")

# %% tags=["nbval-ignore-output"]
show(
    tables.errors_by_group(test),
    "Errors by sex and age on test, months; 95 % intervals of the mean absolute error in "
    "parentheses; a bias above zero reads hands as too old.",
    decimals=1,
)

# %% [markdown]
# ## Few or many patches
#
# The paper does not say how the answers to three patches become the age of a radiograph, and
# random patches give another score every time. The challenge's second place cut a grid of
# seven by seven overlapping patches instead. Here the same trained network answers to all of them:
# to several sets of nine random patches, each at other places, from which draws of one, three and
# nine are formed, and to the grid, which covers the whole radiograph. Answers are combined by their
# mean or by their median.
#
# The spread over draws is that of the places alone; the intervals say how far off the error could
# be on other radiographs. The last column is paired, on the same radiographs, so that what makes
# some of them hard for any number of patches drops out.

# %% tags=["nbval-ignore-output"]
reader = Reader.of(trained, weights)
answers = patch_answers(reader, cohort, patch_draws, grid=grid, at_most=patch_radiographs)
averages = patch_averages(answers.boneage_months, answers.random_months, answers.grid_months)
run.write_table("results/patches_at_test.csv", averages)
show(
    tables.patches_at_test(averages),
    f"Error on {averages['n'][0]} test radiographs by the patches that are combined, months; 95 % "
    "intervals over radiographs in parentheses.",
)

# %% tags=["nbval-ignore-output"] mystnb={"figure": {"name": "fig-patches-at-test", "caption": "Error on test by the number of patches whose answers are combined, at random places or on a grid that covers the radiograph."}, "image": {"alt": "Points with intervals give the mean absolute error in months for one, three and nine random patches and for the grid, by mean and by median; beside them stands the range over draws."}}
figures.patches_at_test(averages)

# %% [markdown]
# ## The form of the input
#
# Section IV scales all radiographs to [−1, 1]. ResNet50's published weights were learned on another
# form, pixel values less ImageNet's mean color. Here are the same trainings with both.

# %% tags=["nbval-ignore-output"]
show_ablation(run, "input_form", cohort, settings, ablation_seeds, weights)

# %% [markdown]
# ## Robustness
#
# Test radiographs spread evenly over the ages are changed on purpose, one change at a time, and the
# trained network answers again: 21 sets of patches each, always at the same places.
# Changes that the augmentation of the paper's Table 2 never made, it never learned to bear.
# {doc}`08_ensemble_analysis` draws all networks side by side.

# %% tags=["nbval-ignore-output"]
show_robustness(run, reader, cohort, robustness_radiographs)

# %% [markdown]
# ## Where the network looks
#
# Grad-CAM {cite:p}`selvaraju2017` weighs the maps of the last convolution with the gradients of the
# answer. Sixteen overlapping patches cover a radiograph; their maps are pasted back at their places
# and averaged where they overlap. Hands of an age band are laid on each other by their silhouettes.

# %% tags=["nbval-ignore-output"] mystnb={"figure": {"name": "fig-saliency-resnet50-patches", "caption": "Where ResNet50 on patches looks: the strength of Grad-CAM, averaged over the registered hands of each age band; n is how many these are."}, "image": {"alt": "For each age band, the average radiograph of its hands is shown in gray, and over it how strongly ResNet50 on patches looks where, from dark to light."}}
looked = look(reader, cohort, test, saliency_radiographs, saliency_cases)
figures.saliency_bands(age_bands(looked.seen))

# %% [markdown]
# On the radiographs that it errs on most, covering each of 8 × 8 squares with the gray around the
# hand {cite:p}`zeiler2014` checks what the gradients say. What is red makes the hand older, what is
# blue younger; the months of the largest effect, of one position of the feature map or of one
# square, stand below.

# %% tags=["nbval-ignore-output"] mystnb={"figure": {"name": "fig-saliency-cases-resnet50-patches", "caption": "The test radiographs that ResNet50 on patches errs on most, worst first, with Grad-CAM and occlusion."}, "image": {"alt": "Each row shows a radiograph on which ResNet50 on patches errs much, then Grad-CAM and occlusion laid over it, red where a place makes the answer older and blue where younger."}}
figures.saliency_cases(looked.cases, looked.covered)

# %% tags=["nbval-ignore-output"]
show_saliency(run, "resnet50_patches", looked, result["data"])

# %% [markdown]
# ## The paper, the real study and this run
#
# The errors in z are in units of the resampled training ages. The rows say what each was measured
# on; synthetic radiographs or random bases make a row a pipeline check.

# %% tags=["nbval-ignore-output"]
show(
    tables.three_way("resnet50_patches", result),
    "What the paper printed, what real radiographs gave, and what this run gave.",
)
