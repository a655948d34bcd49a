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
# # Resample, normalize, augment
#
# **What for.** Do what section IV does before any training: make age and sex uniform by drawing
# with replacement, turn months into z-scores, and augment radiographs and patches (the paper's
# Figure 2b, Table 2 and Table 5). Say what each step costs: radiographs that repeat, and an error that even a
# perfect network has when every set is normalized by itself.
#
# **Reads** the run's cohort and the true label counts. **Writes** `results/resampling.json` and
# `results/normalization_floor.csv`.
# **Costs** some seconds on one core.

# %% tags=["parameters"]
run_dir = "runs/demo"  # folder of this run
draws_per_cell = 500  # draws from each age bin × sex on the full set
seed = 0

# %%
import numpy as np
import pandas as pd

from boneage_lib.data import (
    AgeNormalizer,
    age_bins,
    effective_sample_size,
    expected_draw,
    load_histogram,
    normalization_floor,
    resample_uniformly,
)
from boneage_lib.inputs import (
    PATCHED_IMAGES,
    TABLE_5,
    WHOLE_IMAGES,
    Recipe,
    draw_view,
    pixel_budget,
    random_corners,
    scaled_patch,
    table_5_at,
)
from boneage_lib.notebook import Run, figures, show, use_theme
from boneage_lib.paper import published

use_theme()
run = Run(run_dir)
cohort = run.cohort()

# %% [markdown]
# ## Uniform in age and sex
#
# Ages are cut into ten bins of equal width; from each of the twenty cells (bin × sex) the same
# number is drawn with replacement. Nothing is copied: a draw is an index. Here the true labels are
# resampled, so the numbers are those of RSNA itself, whatever radiographs this run has. The
# validation and test sets are drawn down to about their own size.
#
# Repeats carry no news. How many different radiographs are among the draws, and how many equally
# weighted ones would tell as much about a mean (Kish's effective sample size {cite:p}`kish1965`),
# stands beside what the sizes of the cells let one expect before drawing.

# %% of="labels"
histogram = load_histogram()
rows, drawn = [], {}
for split, counts in histogram.groupby("split", sort=False):
    labels = counts.loc[counts.index.repeat(counts["count"]), ["female", "months"]]
    months, female = labels["months"].to_numpy(), labels["female"].to_numpy()
    per_cell = draws_per_cell if split == "train" else max(len(labels) // 20, 1)
    indices = resample_uniformly(months, female, per_cell, seed=seed)
    drawn[split] = indices, pd.DataFrame({"female": female, "boneage_months": months})
    expected = expected_draw(
        np.unique(2 * age_bins(months) + female, return_counts=True)[1], per_cell
    )
    before, after = AgeNormalizer.fit(months), AgeNormalizer.fit(months[indices])
    rows.append(
        {
            "split": split,
            "radiographs": len(labels),
            "draws": len(indices),
            "distinct": len(np.unique(indices)),
            "distinct expected": expected["distinct"],
            "most often": int(np.bincount(indices).max()),
            "effective": effective_sample_size(indices),
            "effective expected": expected["effective"],
            "mean before": before.mean_months,
            "std before": before.std_months,
            "mean after": after.mean_months,
            "std after": after.std_months,
        }
    )
resampling = pd.DataFrame(rows).set_index("split")
run.write_json("resampling.json", resampling.reset_index().to_dict("records"))
show(
    resampling,
    "What resampling does to the subsets of RSNA 2017. Distinct: different radiographs among the "
    "draws; effective: Kish's effective sample size; expected: of any such draw, without drawing; "
    "means and standard deviations in months.",
    decimals=1,
)

# %% of="labels" mystnb={"figure": {"name": "fig-2b", "caption": "Bone age and sex of the training labels of RSNA 2017 after resampling (the paper's Figure 2b)."}, "image": {"alt": "The histogram of bone age is nearly flat from 1 to 228 months; beside it two bars of equal height stand for girls and boys."}}
indices, labels = drawn["train"]
figures.age_sex_histograms({"train, resampled": labels.iloc[indices]}, of="draws")

# %% [markdown]
# Flat bins come at a price: the rarest children are drawn again and again. And since the standard
# deviation of age grows, a loss in z-units before resampling and one after it are measured with
# different rulers.

# %% of="labels" mystnb={"figure": {"name": "fig-repeats", "caption": "How many training labels are drawn how often (above), and the mean and the largest number of draws by age and sex (below, on a logarithmic axis)."}, "image": {"alt": "Bars fall from the many labels that are never drawn to the few that are drawn most. Below, the mean and the largest number of draws by age bin and sex are low in the middle of the ages and highest at both ends."}}
figures.resampling_counts(indices, labels)

# %% [markdown]
# ## A floor under every score
#
# Ages become z-scores, "subtracting … the average over the re-distributed dataset" and dividing by
# its standard deviation. If each set takes its own mean and standard deviation, a network answers in
# z-scores of train while its labels are z-scores of another set: two rulers with another zero and
# another unit, so that even a network that knows every age has an error, the larger the less the
# sets' ages are alike. With train's mean and standard deviation for all sets, as everywhere in this
# project, it has none.
#
# The table gives that error exactly, from the true labels. Errors in z become months by the standard
# deviation by which the scored labels were divided. Resampled sets weigh every cell the same, as
# draws do in the long run. The test set's fractional ages are rounded to months here.

# %% of="labels"
floor = normalization_floor(histogram)
run.write_table("results/normalization_floor.csv", floor)
titles = {False: "as it is", True: "resampled"}
show(
    pd.DataFrame(
        {
            "scored on": floor["split"],
            "mean and std": floor["normalization"],
            "train is": floor["train_resampled"].map(titles),
            "scored set is": floor["split_resampled"].map(titles),
            "RMSE (z)": floor["rmse_z"],
            "MAE (z)": floor["mae_z"],
            "std (months)": floor["std_months"],
            "RMSE (months)": floor["rmse_months"],
            "MAE (months)": floor["mae_months"],
        }
    ).set_index(["scored on", "mean and std", "train is", "scored set is"]),
    "What a perfect predictor scores on RSNA 2017: root mean square error and mean absolute error "
    "when every set is normalized by its own or by train's mean and standard deviation.",
    decimals=3,
)

# %% [markdown]
# ## Augmentation
#
# The ranges of the paper's Table 2 make one affine warp of the gray bytes, with the meaning that Keras'
# `ImageDataGenerator` gives them. Keras counts shear in degrees, so the paper's 0.01 moves no pixel
# by even a tenth of its width.

# %%
show(
    pd.DataFrame(
        {
            "printed in Table 2": list(published.TABLE_2.values()),
            "whole radiographs": list(vars(WHOLE_IMAGES).values()),
            "before cutting patches": list(vars(PATCHED_IMAGES).values()),
        },
        index=list(vars(WHOLE_IMAGES)),
    ).astype(str),
    "Ranges of the augmentation, as printed in the paper's Table 2 and as used; angles in degrees, "
    "shifts and zoom as shares.",
)

# %% mystnb={"figure": {"name": "fig-views", "caption": "A training radiograph and three of its augmented views."}, "image": {"alt": "A hand radiograph stands beside three copies of it that are slightly rotated, shifted, zoomed or mirrored."}}
row = int(cohort.rows("train")[0])
image, image_id = cohort.images[row], int(cohort.labels["id"].iloc[row])
views = [draw_view(image, image_id, k, Recipe(WHOLE_IMAGES), seed)[0] for k in range(3)]
figures.augmented_views(image, views, columns=4)

# %% [markdown]
# ## Patches
#
# The patch network sees random squares of the augmented radiograph. The four settings of the
# paper's Table 5 show it nearly the same number of pixels each. At other image sizes a patch keeps
# its share of the hand down to the 32 pixels that ResNet50 accepts, and where it cannot, fewer
# patches keep the budget.

# %%
budgets = pd.DataFrame(
    [
        {
            "radiographs": f"{size} × {size}",
            "patches": count,
            "side": side,
            "pixels": pixel_budget(count, side)[0],
            "share": pixel_budget(count, side, size)[1],
        }
        for size, settings in {500: TABLE_5, cohort.size: table_5_at(cohort.size)}.items()
        for count, side in settings
    ]
).set_index("radiographs")
show(
    budgets,
    "The settings of the paper's Table 5, and those for radiographs of this run's size: patches a "
    "radiograph, their side in pixels, and how many and what share of its pixels they show.",
    decimals=2,
)

# %% mystnb={"figure": {"name": "fig-patches", "caption": "Three random overlapping patches of an augmented training radiograph, as the patch network sees them."}, "image": {"alt": "Three squares, partly overlapping, are outlined on a hand radiograph and shown beside it."}}
side = scaled_patch(224, cohort.size)
corners = random_corners(3, side, cohort.size, np.random.default_rng(seed))
figures.patches_on_radiograph(views[0], corners, side)
