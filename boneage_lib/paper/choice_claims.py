"""What the text leaves open or says of every input, read off counts, labels and bases."""

from __future__ import annotations

import numpy as np
import pandas as pd

from boneage_lib.bases import BASES
from boneage_lib.data.histogram import load_histogram, table1
from boneage_lib.data.resampling import AGE_BINS, age_bins, expected_draw
from boneage_lib.inputs import PATCHED_IMAGES, UNAUGMENTED, WHOLE_IMAGES, Recipe, draw_view
from boneage_lib.paper.claim import Claim, Verdict, by_match, rounds_to
from boneage_lib.paper.design_claims import FEATURES, dense, head_parameters
from boneage_lib.paper.published import TABLE_1, TABLE_2, TABLE_3, TABLE_4, TABLE_5, number
from boneage_lib.paper.statements import stated

BINS_TO_TRY = (5, AGE_BINS, 20)
DRAWS_PER_CELL = 500  # of the full training set, as its profile has it
BACKBONES = {"inception_v3": "inception_v3", "xception": "xception", "resnet50_patches": "resnet50"}


def choice_claims(histogram: pd.DataFrame | None = None) -> list[Claim]:
    """Sex, resampling, attention, dropout, augmentation and the form of the input.

    Args:
        histogram: columns split, female, months, count; RSNA's own by default.
    """
    histogram = load_histogram() if histogram is None else histogram
    return [
        _sex(histogram),
        _cells(histogram),
        _sex_width(),
        _attention(),
        _dropout(),
        _bases_of_small_patches(),
        _augmentation(),
        _evaluation(),
        _pixel_range(),
    ]


def attention_parameters() -> int:
    """Trainable parameters of the attention network as this library reads section V-C."""
    heads, kernel = int(number("attention_heads")), int(number("attention_kernel_size"))
    sex, units = int(number("sex_units")), int(number("xception_head_units"))
    maps = heads * (kernel**2 * FEATURES + 1)  # each head: a convolution to one channel, and a bias
    return maps + dense(1, sex) + dense(heads * FEATURES + sex, units) + dense(units, 1)


def implied_sex_width() -> float:
    """Width w of Xception's sex input that its trainable count implies: 2w + (F + w + 1)u + u + 1.

    F features, u units of the head.
    """
    units = int(number("xception_head_units"))
    rest = TABLE_3["xception"].trainable - dense(FEATURES, units) - dense(units, 1)
    return rest / (2 + units)


def std_after_resampling(histogram: pd.DataFrame, bins: int) -> float:
    """Standard deviation (months) of train's ages with every cell weighing the same."""
    rows = histogram[histogram["split"] == "train"]
    months, count = rows["months"].to_numpy(float), rows["count"].to_numpy(float)
    cell = 2 * age_bins(months, bins) + rows["female"].to_numpy()
    weights = count / np.bincount(cell, weights=count)[cell]
    mean = np.average(months, weights=weights)
    return float(np.sqrt(np.average((months - mean) ** 2, weights=weights)))


def _sex(histogram: pd.DataFrame) -> Claim:
    shares = table1(histogram).set_index("split")["female_share"]
    as_coded = [rounds_to(shares[s], row.female_share, 2) for s, row in TABLE_1.items()]
    turned = [rounds_to(1 - shares[s], row.female_share, 2) for s, row in TABLE_1.items()]
    return stated(
        "sex-code",
        "RSNA's column male turned round (female = 1 - male), against Table 1's share of girls.",
        f"train {shares['train']:.3f} as coded here, {1 - shares['train']:.3f} the other way",
        float(shares["train"]),
        None,
        by_match(as_coded) if not all(turned) else Verdict.AMBIGUOUS,
        "Table 1's shares are met with 1 for girls, and not with 1 for boys.",
    )


def _cells(histogram: pd.DataFrame) -> Claim:
    stds = {bins: std_after_resampling(histogram, bins) for bins in BINS_TO_TRY}
    train = histogram[histogram["split"] == "train"]
    cell = 2 * age_bins(train["months"].to_numpy()) + train["female"].to_numpy()
    sizes = np.bincount(cell, weights=train["count"])
    sizes = sizes[sizes > 0]
    distinct = expected_draw(sizes, DRAWS_PER_CELL)["distinct"]
    return stated(
        "resampling-cells",
        f"Standard deviation of the resampled training ages for {BINS_TO_TRY[0]} to "
        f"{BINS_TO_TRY[-1]} age bins; different radiographs among {DRAWS_PER_CELL} draws a cell.",
        "; ".join(f"{bins} bins {std:.1f} months" for bins, std in stds.items())
        + f"; {DRAWS_PER_CELL * len(sizes):,} draws hold {distinct:,.0f} of "
        f"{sizes.sum():,.0f} radiographs",
        stds[AGE_BINS],
        (min(stds.values()), max(stds.values())),
        Verdict.AMBIGUOUS if max(stds.values()) - min(stds.values()) > 0.1 else Verdict.CONFIRMED,
        f"The unit of every z-score follows from a choice that is not printed; here {AGE_BINS} "
        "bins of equal width × sex, the same number drawn with replacement from each.",
    )


def _sex_width() -> Claim:
    width, described = implied_sex_width(), int(number("sex_units"))
    return stated(
        "xception-sex-width",
        "Width that the 20,885 trainable parameters imply.",
        f"{width:g} units",
        width,
        None,
        Verdict.CONFIRMED if width == described else Verdict.AMBIGUOUS,
        f"The count settles what the text leaves open: {described} units, as in InceptionV3's."
        if width == described
        else "No whole width as InceptionV3's gives the printed count.",
    )


def _attention() -> Claim:
    heads = int(number("attention_heads"))
    known = "xception_attention" in TABLE_3
    return stated(
        "attention-form",
        "Parameters of the simplest reading: per head a convolution to one channel with a sigmoid, "
        "multiplied with the features; the products concatenated, then Xception's head.",
        f"{attention_parameters():,} trainable parameters; {heads} × {FEATURES:,} = "
        f"{heads * FEATURES:,} channels",
        float(attention_parameters()),
        None,
        by_match([attention_parameters() == TABLE_3["xception_attention"].trainable])
        if known
        else Verdict.AMBIGUOUS,
        "Table 3 has no row for it, so that no count decides between this and dot-product "
        "attention, which the text also describes; the masks are built here.",
    )


def _dropout() -> Claim:
    counted = head_parameters()["inception_v3"]
    return stated(
        "dropout-rate",
        "Does the printed count depend on the rate?",
        f"{counted:,} trainable parameters at any rate",
        float(counted),
        None,
        Verdict.AMBIGUOUS if counted == TABLE_3["inception_v3"].trainable else Verdict.CONTRADICTED,
        "Dropout has no parameters: the dense layers alone make up the printed count, and the rate "
        "stays open. It is a parameter here.",
    )


def _bases_of_small_patches() -> Claim:
    smallest = min(setting.size for setting in TABLE_5)
    least = {base.application: base.minimum_size for base in BASES.values()}
    fits = [name for name, size in least.items() if size <= smallest]
    return stated(
        "table-5-bases",
        "Least side that each base accepts.",
        ", ".join(f"{name} {size} px" for name, size in least.items()),
        float(smallest),
        None,
        Verdict.CONFIRMED if "ResNet50" in fits else Verdict.CONTRADICTED,
        f"{smallest} × {smallest} pixels fit {' and '.join(fits) or 'no base'} only: the study "
        "could not have been made with another of the bases.",
    )


def _augmentation() -> Claim:
    whole = dict(zip(TABLE_2, vars(WHOLE_IMAGES).values(), strict=True))
    patched = vars(PATCHED_IMAGES)
    still = {"rotation_degrees", "horizontal_flip"}
    matches = [
        *(whole[name] == printed for name, printed in TABLE_2.items()),
        patched["rotation_degrees"] == number("patch_rotation"),
        patched["horizontal_flip"],
        not any(value for name, value in patched.items() if name not in still),
    ]
    return stated(
        "augmentation-ranges",
        "Ranges of this library's augmentation against the printed ones.",
        f"{sum(matches)} of {len(matches)} ranges as printed",
        float(sum(matches)),
        None,
        by_match(matches),
        "Applied as printed, with the meaning that Keras' generator gives each range.",
    )


def _evaluation() -> Claim:
    picture = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    kept = bool(np.array_equal(draw_view(picture, 1, 0, Recipe(UNAUGMENTED))[0], picture))
    changed = float(np.mean(draw_view(picture, 1, 0, Recipe(WHOLE_IMAGES))[0] != picture))
    return stated(
        "evaluation-augmented",
        "Pixels of a picture of noise that the training's and the evaluation's view change.",
        f"training {changed:.0%}; evaluation {'none' if kept else 'some'}",
        changed,
        None,
        Verdict.AMBIGUOUS if kept and changed else Verdict.CONTRADICTED,
        "Where preprocessing ends and augmentation begins is not said. Read literally, scores "
        "would be of augmented radiographs, at random; here evaluation changes no pixel.",
    )


def _pixel_range() -> Claim:
    forms = {BASES[BACKBONES[n]].application: BASES[BACKBONES[n]].input_form for n in BACKBONES}
    fits = [form == "tf" for form in forms.values()]
    others = [name for name, form in forms.items() if form != "tf"]
    return stated(
        "pixel-range",
        f"What the ImageNet weights of the bases of Table 4's {len(TABLE_4)} networks expect.",
        f"{sum(fits)} of {len(fits)} bases expect [-1, 1]",
        float(sum(fits)),
        None,
        by_match(fits),
        f"Keras' weights of {', '.join(others) or 'no base'} expect blue, green and red less "
        "ImageNet's mean; here each base gets what its weights expect.",
    )
