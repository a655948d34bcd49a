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
# **What for.** See the radiographs and their labels as section IV of the paper describes them (its
# Table 1, Figure 1 and Figure 2a), and look for what later misleads a network or its reader: ages
# that differ by sex, rounded labels, splits that are no random draw, odd exposures, radiographs that
# are in the data twice, and pictures that are damaged.
#
# **Reads** the run's cohort; draws a synthetic one when the run has none.
# **Writes** `results/table_1.csv`.
# **Costs** some seconds on one core; on all radiographs of RSNA 2017 at 500 pixels about a minute.

# %% tags=["parameters"]
run_dir = "runs/demo"  # folder of this run
# A run without a cohort gets a synthetic one:
n = 400  # radiographs
size = 256  # side, pixels
variation = 0.25  # of exposure and placement; 1 is as in RSNA's radiographs
maturity_noise = 6.0  # std of a hand's maturity around its bone age, months
seed = 0

# %%
import pandas as pd

from boneage_lib.data import (
    FLAGS,
    GREY_LEVELS,
    SPLITS,
    age_by_sex,
    close_pairs,
    file_sizes,
    flags,
    heaping,
    id_ranges,
    implied_rounding,
    inspect_images,
    load_histogram,
    nearest_to_flags,
    noise_floor_months,
    other_heaps,
    pairs_by_split,
    table1,
)
from boneage_lib.notebook import Run, figures, show, use_theme
from boneage_lib.paper import published

use_theme()
run = Run(run_dir)
cohort = run.cohort_or_phantoms(n, size, seed, variation, maturity_noise)

# %% [markdown]
# ## How many, how old, which sex
#
# The table is computed from the true labels of all radiographs of RSNA 2017, kept in this project
# as counts by split, sex and month. The right half is what the paper prints. Its column headed
# "Female %" holds fractions, not percentages.

# %% of="labels"
histogram = load_histogram()
table_1 = table1(histogram).set_index("split")
for column in ("samples", "female_share", "mean_months"):
    table_1[f"printed {column}"] = [getattr(published.TABLE_1[s], column) for s in table_1.index]
run.write_table("results/table_1.csv", table_1.reset_index())
show(
    table_1,
    "The subsets of RSNA 2017, computed from the labels and as the paper's Table 1 prints them; ages "
    "in months.",
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

# %% of="labels" mystnb={"figure": {"name": "fig-2a", "caption": "Bone age and sex in the three subsets of RSNA 2017, from the true labels (the paper's Figure 2a shows the training set)."}, "image": {"alt": "Three histograms of bone age, one for each subset, rise to a peak between 120 and 170 months; beside each, two bars give the numbers of girls and boys."}}
figures.age_sex_histograms({split: rows for split, rows in histogram.groupby("split", sort=False)})

# %% [markdown]
# Are girls and boys equally old? Where they are not, a network that is told the sex knows something
# about the age before it has seen any bone. The intervals say how far a mean, or the difference of
# two, could be off by the chance of who was radiographed; they hold no error of the readers, and the
# test set's are rounded to months here.

# %% of="labels"
by_sex = age_by_sex(histogram)
show(
    by_sex.set_index(["split", "sex"]),
    "Bone age by sex in RSNA 2017, months: mean with its 95 % interval (Student's; Welch's for the "
    "difference), median and quartiles.",
    decimals=1,
)

# %% of="labels" mystnb={"figure": {"name": "fig-age-by-sex", "caption": "Mean bone age of girls and boys in the three subsets of RSNA 2017 with 95 % intervals."}, "image": {"alt": "For each subset the mean bone age of girls lies left of that of boys; the intervals of training and validation are short and apart, those of the small test set wide."}}
figures.age_by_sex(by_sex)

# %% [markdown]
# ## Ages are rounded
#
# A reader compares a radiograph with the plates of an atlas {cite:p}`greulich1959`, most of which
# show whole and half years. A single clinical reading stands behind each training and validation
# label, a consensus of several readers behind each test label {cite:p}`halabi2019rsna`. So the
# former crowd at multiples of 6 and 12 months, where months as likely as their neighbors would put
# one label in six and one in twelve. The test set's ages are fractions of a month; rounded to
# months, as here, they show what is left of the crowding in an average, and are no count of what its
# readers said.

# %% of="labels"
heaps = heaping(histogram)
show(
    heaps.assign(share=100 * heaps["share"], expected=100 * heaps["expected"])
    .rename(columns={"step_months": "multiples of", "share": "%", "expected": "expected %"})
    .set_index(["split", "multiples of"]),
    "Labels at multiples of 6 and of 12 months: their share, the share without rounding, and the "
    "ratio of the two.",
    decimals=1,
)

# %% of="labels" mystnb={"figure": {"name": "fig-heaping", "caption": "Labels of RSNA 2017 by month; whole and half years stand out."}, "image": {"alt": "Three bar charts count the labels by month. In training and validation tall bars at whole years and lower ones at half years form a comb, with little between them but four gray bars from five to nine years; the test set shows no such pattern."}}
figures.heaping(histogram)

# %% [markdown]
# Rounding bounds what any network can be shown to reach on such labels: one that knew the unrounded
# age would still differ from the label. If labels are a mixture of ages rounded to the nearest year,
# half year and month, the two shares above fix the mixture, and with it an error that no training
# removes. It is a lower bound. Some of the labels between half years are heaps themselves, the gray
# bars that tower, and nearly all of girls: what one expects of readers who name the plates of an
# atlas that has others for girls than for boys. And readers disagree for other reasons, too
# {cite:p}`larson2018`.

# %% of="labels"
rounding = implied_rounding(histogram, "train")
rounding["rounded to"] = ["12 months", "6 months", "1 month", "all together"]
show(
    rounding.set_index("rounded to")[["share", "most_months", "mae_months", "rmse_months"]].rename(
        columns={
            "share": "share of labels",
            "most_months": "at most ±",
            "mae_months": "mean absolute error",
            "rmse_months": "root mean square error",
        }
    ),
    "Error that rounding alone leaves in training labels, months; every age between two multiples "
    "equally likely.",
    decimals=2,
)

# %% of="labels"
show(
    other_heaps(histogram, "train").set_index("months"),
    "The fullest months of train between whole and half years: labels, and the share of girls.",
    decimals=2,
)

# %% [markdown]
# ## The cohort of this run
#
# From here on this notebook looks at the run's own radiographs.

# %%
split = cohort.labels["split"].astype(pd.CategoricalDtype(SPLITS))
summary = cohort.labels.groupby(split, observed=True).agg(
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
if cohort.synthetic:
    noise = cohort.info["maturity_noise_months"]
    floor = noise_floor_months(cohort.labels["boneage_months"].to_numpy(), noise)
    print(
        f"Noise floor: maturity strays from bone age with a standard deviation of {noise:g} months "
        f"at most, so that a reader who saw it exactly would still err by {floor:.1f} months on average."
    )
show(summary, "The radiographs of this run; ages in months.", decimals=1)

# %% mystnb={"figure": {"name": "fig-1", "caption": "Two training radiographs of this run after resizing, aspect squashed to a square, as in the paper's Figure 1."}, "image": {"alt": "Two hand radiographs stand side by side, each with its bone age and sex above it, on axes in pixels."}}
train = cohort.labels.iloc[cohort.rows("train")].sort_values(["boneage_months", "id"])
pair = train.iloc[[len(train) // 4, 3 * len(train) // 4]]
figures.radiographs(cohort.images[pair.index], pair)

# %% mystnb={"figure": {"name": "fig-ages", "caption": "Twelve training radiographs of this run from the youngest to the oldest."}, "image": {"alt": "Twelve small hand radiographs stand in order of bone age; row by row carpal bones and growth plates appear, grow and close."}}
spread = train.iloc[[round(k * (len(train) - 1) / 11) for k in range(12)]]
figures.thumbnails(cohort.images[spread.index], spread)

# %% [markdown]
# ## Are the splits random draws?
#
# Ids were given in some order. A split whose ids form a block of their own was not drawn at random
# from the rest, and may differ from it in scanner, year or hospital.

# %%
show(
    id_ranges(cohort.labels)
    .set_index("split")
    .rename(columns={"others_between": "of other splits between"}),
    "Ids of this run's radiographs: lowest and highest of each split, and how many radiographs of "
    "other splits lie between these.",
)

# %% [markdown]
# ## What the files were
#
# Every radiograph is squashed to a square. How much detail that costs, and how far hands are
# stretched, depends on the files they come from.

# %%
originals = cohort.originals
if originals is None:
    print(f"These are synthetic, drawn at their size of {cohort.size} × {cohort.size} pixels.")
None if originals is None else show(
    file_sizes(originals).set_index(["mode", "bits"]),
    "Files of this run by kind of pixel and bits a sample: quartiles of width and height in pixels "
    "and of width over height.",
    decimals=2,
)

# %% mystnb={"figure": {"name": "fig-sizes", "caption": "Width and height of this run's files before resizing; those on the dashed line are square."}, "image": {"alt": "Each mark stands for a file, its height in pixels against its width; a dashed diagonal shows where files are square."}}
None if originals is None else figures.original_sizes(originals)

# %% [markdown]
# ## Exposure
#
# Radiographs come as dark as film and as pale as fog. The background is the median of a picture's
# margin; contrast is the distance from the darkest to the brightest hundredth of its pixels. A
# network that meets an exposure it was not trained on can fail without a sign, so what counts is
# whether the splits are alike, and whether exposure drifts along the ids.

# %%
inspection = inspect_images(cohort.images)
measures = inspection.measures
exposure = (
    measures[list(GREY_LEVELS)].groupby(split, observed=True).quantile([0.05, 0.5, 0.95]).unstack()
)
exposure.columns = [
    f"{GREY_LEVELS[level]}: {share:.0%} quantile" for level, share in exposure.columns
]
show(
    exposure.T,
    "Gray levels of this run's radiographs, 0 black to 255 white: the 5, 50 and 95 % quantiles, over "
    "the radiographs of each split, of background, 1st, 50th and 99th percentile, and contrast.",
    decimals=0,
)

# %% mystnb={"figure": {"name": "fig-exposure", "caption": "Exposure of this run's radiographs: background and percentiles of their pixels by split, and contrast against id."}, "image": {"alt": "Box plots of gray levels by split: background, 1st percentile and median are dark, the 99th percentile is bright, and the boxes of the three splits overlap. Below them, the contrast of every radiograph stands against its id."}}
figures.exposure(measures, cohort.labels)

# %% [markdown]
# ## The same picture twice
#
# A radiograph in two splits lets a network be tested on what it has learned by heart. Identical
# pixels are found by digest. Copies that were compressed, brightened or shifted are found in two
# steps, because hands look alike and the perceptual hash alone is often wrong: a 256-bit hash
# proposes pairs, and a pair counts as a duplicate only where the detail of bones agrees too. The
# likest pairs are shown whether they count or not.

# %% tags=["nbval-ignore-output"]
pairs = close_pairs(inspection.thumbnails, measures["digest"])
show(
    pairs_by_split(pairs, split),
    f"Pairs among this run's {len(cohort):,} radiographs: compared in detail because their hashes "
    "are close, duplicates, and identical pixel by pixel.",
)

# %% mystnb={"figure": {"name": "fig-likest", "caption": "The two likest pairs of this run's radiographs, side by side, with their ids and how far their detail agrees (1 is the same)."}, "image": {"alt": "Four hand radiographs stand in two pairs; those of a pair resemble each other in posture and framing."}}
closest = pairs.head(2)
rows = closest[["first", "second"]].to_numpy().ravel()
ids = cohort.labels["id"].to_numpy()[rows]
words = [
    f"{'duplicate' if pair.duplicate else 'different'}, {pair.likeness:.2f}"
    for pair in closest.itertuples()
    for _ in range(2)
]
figures.gallery(
    cohort.images[rows], [f"id {i}\n{word}" for i, word in zip(ids, words, strict=True)]
)

# %% [markdown]
# ## Damaged, inverted, overexposed
#
# Five rules, each from one or two of the measures above, find pictures that deserve a look. They were
# set where RSNA's radiographs leave room, and are meant to be looked at, not obeyed: an unexposed
# margin or a hand in a corner may raise a flag as well.

# %%
flagged = flags(measures)
show(
    pd.DataFrame(
        {
            "rule": list(FLAGS.values()),
            **{name: flagged[split == name].sum() for name in SPLITS},
        },
        index=list(FLAGS),
    ),
    "Radiographs of this run that raise a flag, by split.",
)

# %% mystnb={"figure": {"name": "fig-flags", "caption": "For each rule the radiograph of this run that breaks it most clearly, or else comes nearest to breaking it."}, "image": {"alt": "Five hand radiographs stand in a row or two, each named by a rule and by whether it raises that flag."}}
nearest = nearest_to_flags(measures)
figures.gallery(
    [cohort.images[row] for row in nearest.values()],
    [
        f"{flag}:\n{'flagged' if flagged.loc[row, flag] else 'not flagged'}"
        for flag, row in nearest.items()
    ],
    columns=3,
)
