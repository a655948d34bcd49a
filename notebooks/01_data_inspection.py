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
# # Look at the data
#
# **What for.** See the radiographs and their labels as section IV of the paper describes them:
# Table 1, Figure 1 and Figure 2a.
#
# **Reads** the run's cohort; draws a synthetic one when the run has none.
# **Writes** `results/table_1.csv`.
# **Costs** some seconds on one core.

# %% tags=["parameters"]
run_dir = "runs/demo"  # folder of this run
# A run without a cohort gets a synthetic one:
n = 400  # radiographs
size = 256  # side, pixels
variation = 0.25  # of exposure and placement; 1 is as in RSNA's radiographs
seed = 0

# %%
from boneage_lib.data import load_histogram, table1
from boneage_lib.paper import published
from boneage_lib.report import Run, figures, show, use_theme

use_theme()
run = Run(run_dir)
cohort = run.cohort_or_phantoms(n, size, seed, variation)

# %% [markdown]
# ## How many, how old, which sex
#
# The table is computed from the true labels of all radiographs of RSNA 2017, kept in this project
# as counts by split, sex and month. The right half is what the paper prints. Its column headed
# "Female %" holds fractions, not percentages.

# %%
histogram = load_histogram()
table_1 = table1(histogram).set_index("split")
for column in ("samples", "female_share", "mean_months"):
    table_1[f"printed {column}"] = [getattr(published.TABLE_1[s], column) for s in table_1.index]
run.write_table("results/table_1.csv", table_1.reset_index())
show(
    table_1,
    "Table 1. The subsets of RSNA 2017, computed from the labels and as printed; ages in months.",
    decimals=3,
)

# %% [markdown]
# Radiographs in all, to compare with the paper's count:

# %%
print(f"{table_1['n'].sum():,} computed, {published.TEXT['radiographs'].value:,} printed")

# %% [markdown]
# ## Age and sex before resampling
#
# The ages pile up in early adolescence; the youngest and the oldest are rare.
# This is what the uniform resampling of {doc}`02_resampling` sets out to correct.

# %% mystnb={"figure": {"name": "fig-2a", "caption": "Bone age and sex in the three subsets of RSNA 2017, from the true labels (the paper's Figure 2a shows the training set)."}, "image": {"alt": "Histograms of bone age, one for each subset, all rising to a peak between 120 and 170 months, beside bars of the numbers of girls and boys."}}
figures.age_sex_histograms({split: rows for split, rows in histogram.groupby("split", sort=False)})

# %% [markdown]
# ## The cohort of this run
#
# Everything below and in the following notebooks looks at this run's own radiographs.

# %%
summary = cohort.labels.groupby("split", sort=False).agg(
    radiographs=("id", "size"),
    girls=("female", "sum"),
    youngest=("boneage_months", "min"),
    mean=("boneage_months", "mean"),
    oldest=("boneage_months", "max"),
)
print(
    f"{len(cohort)} {'synthetic' if cohort.synthetic else 'real'} radiographs of "
    f"{cohort.size} × {cohort.size} pixels, split {cohort.info['split_origin']}"
)
show(summary, "The radiographs of this run; ages in months.", decimals=1)

# %% mystnb={"figure": {"name": "fig-1", "caption": "Two training radiographs of this run after resizing, aspect squashed to a square as in the paper (Figure 1)."}, "image": {"alt": "Two hand radiographs side by side, each with its bone age and sex, axes in pixels."}}
train = cohort.labels.iloc[cohort.rows("train")].sort_values(["boneage_months", "id"])
pair = train.iloc[[len(train) // 4, 3 * len(train) // 4]]
figures.radiographs(cohort.images[pair.index], pair)

# %% mystnb={"figure": {"name": "fig-ages", "caption": "Twelve training radiographs of this run from the youngest to the oldest."}, "image": {"alt": "A contact sheet of twelve hand radiographs in order of bone age; carpal bones and growth plates appear, grow and close from left to right."}}
spread = train.iloc[[round(k * (len(train) - 1) / 11) for k in range(12)]]
figures.thumbnails(cohort.images[spread.index], spread)
