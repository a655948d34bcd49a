"""Claims about the networks' design: parameters, patches and settings, decided by arithmetic."""

from __future__ import annotations

import math

import numpy as np

from boneage_lib.paper.claim import Claim, Verdict, by_match, rounds_to
from boneage_lib.paper.published import TABLE_1, TABLE_2, TABLE_3, TABLE_5, limits, number
from boneage_lib.paper.statements import stated

FEATURES = 2048  # channels after global average pooling, the same in all three backbones
ARCHIVE_GB = {"training": 9.6, "validation": 1.1}  # RSNA's own zip files
KERAS_PLATEAU_PATIENCE = 10  # epochs, default of keras.callbacks.ReduceLROnPlateau


def design_claims() -> list[Claim]:
    """Tables 2, 3 and 5 and the settings of section III."""
    return [*_parameters(), *_patches(), *_settings()]


def dense(inputs: int, units: int) -> int:
    """Parameters of a dense layer, biases included."""
    return (inputs + 1) * units


def head_parameters() -> dict[str, int]:
    """Trainable parameters of each head as section V describes it, by network.

    The Xception head has a sex encoding of 32 units, which the text leaves open and the printed
    count implies; the ResNet50 head takes the sex as it is.
    """
    sex = dense(1, int(number("sex_units")))
    joined = FEATURES + int(number("sex_units"))
    wide, ten, fourteen = (
        int(number(f"{name}_head_units")) for name in ("inception_v3", "xception", "resnet50")
    )
    return {
        "inception_v3": sex + dense(joined, wide) + dense(wide, wide) + dense(wide, 1),
        "xception": sex + dense(joined, ten) + dense(ten, 1),
        "resnet50_patches": dense(FEATURES + 1, fourteen) + dense(fourteen, 1),
    }


def patches_overlap(patch: int, image: int, patches: int, seed: int = 0) -> float:
    """Probability that some two of a radiograph's random patches overlap, from 200,000 draws."""
    corner = np.random.default_rng(seed).integers(0, image - patch + 1, (200_000, patches, 2))
    overlap = np.zeros(len(corner), dtype=bool)
    for one in range(patches):
        for other in range(one):
            overlap |= (np.abs(corner[:, one] - corner[:, other]) < patch).all(axis=1)
    return float(overlap.mean())


def _parameters() -> list[Claim]:
    heads = head_parameters()
    rows = [
        stated(
            f"table-3-{network.replace('_', '-')}",
            "Count the head of section V; add the frozen backbone.",
            f"{heads[network]:,} trainable + {row.frozen:,} frozen = "
            f"{heads[network] + row.frozen:,}",
            float(heads[network]),
            None,
            by_match([heads[network] == row.trainable, heads[network] + row.frozen == row.total]),
            "The described head against the printed counts.",
        )
        for network, row in TABLE_3.items()
    ]
    xception, inception = TABLE_3["xception"], TABLE_3["inception_v3"]
    megabytes, kilobytes = 4 * xception.total / 1024**2, 4 * xception.trainable / 1024
    ratio = inception.trainable / xception.trainable
    share = xception.total / inception.total
    return [
        *rows,
        stated(
            "xception-size",
            "Four bytes a parameter, 1,024 bytes a KB.",
            f"{megabytes:.2f} MB, {kilobytes:.2f} KB",
            megabytes,
            None,
            by_match(
                [
                    rounds_to(megabytes, number("xception_total_size"), 2),
                    rounds_to(kilobytes, number("xception_trainable_size"), 2),
                ]
            ),
            "The sizes follow from the counts.",
        ),
        stated(
            "xception-fewer-trainable",
            "Ratio of trainable and of all parameters to InceptionV3's.",
            f"{ratio:.0f} times fewer trainable; {share:.0%} of all parameters",
            ratio,
            None,
            Verdict.CONFIRMED if share < 0.5 and ratio > 1 else Verdict.APPROXIMATELY,
            "Fewer trainable parameters make the head cheap; a radiograph still passes through "
            "the whole frozen backbone, which is about as large as InceptionV3's.",
        ),
    ]


def _patches() -> list[Claim]:
    whole = number("image_size") ** 2
    shares = [setting.pixels / whole for setting in TABLE_5]
    batches = [int(number("batch_size")) * setting.patches for setting in TABLE_5]
    overlap = patches_overlap(
        int(number("patch_size")), int(number("image_size")), int(number("patches_per_image"))
    )
    return [
        stated(
            "table-5-budget",
            "Pixels a radiograph, and their share of 500².",
            "; ".join(
                f"{s.patches} × {s.size}² = {s.pixels:,} ({share:.0%})"
                for s, share in zip(TABLE_5, shares, strict=True)
            ),
            max(shares) / min(shares),
            (min(shares), max(shares)),
            Verdict.CONFIRMED if max(shares) / min(shares) < 1.05 else Verdict.AMBIGUOUS,
            f"The settings take {min(shares):.0%} to {max(shares):.0%} of a radiograph's pixels: "
            "a fair comparison of sizes as far as pixels go.",
        ),
        stated(
            "table-5-batches",
            "Patches in a batch of 8 radiographs.",
            ", ".join(f"{batch:,}" for batch in batches) + " patches a batch",
            float(max(batches)),
            None,
            Verdict.AMBIGUOUS if len(set(batches)) > 1 else Verdict.CONFIRMED,
            "The batch grows with the number of patches, so that its effect and that of patch size "
            "cannot be told apart; and the curves are training losses of one epoch.",
        ),
        stated(
            "overlapping-patches",
            "Probability that any two of three random patches of one radiograph overlap.",
            f"{overlap:.4f}",
            overlap,
            None,
            Verdict.APPROXIMATELY if 0.5 < overlap < 1 else by_match([overlap == 1]),
            "They overlap by chance, for lack of room, not on a grid as the 49 patches of the "
            "challenge's second place do.",
        ),
    ]


def _settings() -> list[Claim]:
    training, validation = ARCHIVE_GB["training"], ARCHIVE_GB["validation"]
    printed_gb = number("archive_size")
    epochs, side = number("epochs"), number("image_size")
    degrees = side * math.tan(math.radians(TABLE_2["shear"]))
    radians = side * math.tan(TABLE_2["shear"])
    first, last = limits("learning_rate_decay")
    steps = math.ceil(TABLE_1["train"].samples / number("batch_size"))
    mean_rate = float(np.geomspace(first, last, steps).mean())
    return [
        stated(
            "training-set-size",
            "Sizes of RSNA's archives.",
            f"{training} GB; with validation {training + validation:.1f} GB",
            training,
            None,
            by_match([training > printed_gb, training + validation > printed_gb]),
            "Just under 10 GB by itself, just over with the validation set.",
        ),
        stated(
            "plateau-callback",
            "Keras' default patience against the number of epochs.",
            f"patience {KERAS_PLATEAU_PATIENCE} of {epochs:g} epochs",
            float(KERAS_PLATEAU_PATIENCE),
            None,
            Verdict.AMBIGUOUS if epochs <= KERAS_PLATEAU_PATIENCE else Verdict.CONFIRMED,
            "No patience is given; with Keras' default the callback can never fire.",
        ),
        stated(
            "learning-rate-decay",
            f"Mean learning rate of the sawtooth over {steps:,} batches of 8.",
            f"mean {mean_rate:.2e}, {first / mean_rate:.1f} times below the constant; a factor of "
            f"{(last / first) ** (1 / (steps - 1)):.5f} a step",
            mean_rate,
            None,
            Verdict.AMBIGUOUS if mean_rate < first / 2 else Verdict.CONFIRMED,
            "The two schedules differ in their mean rate, not only in form, so that slower "
            "progress says little about decay.",
        ),
        stated(
            "shear",
            f"Displacement at the edge of {side:g} pixels, in degrees and in radians.",
            f"{degrees:.2f} px if degrees (Keras), {radians:.1f} px if radians",
            degrees,
            (degrees, radians),
            Verdict.AMBIGUOUS if degrees < 0.5 < radians else Verdict.CONFIRMED,
            "The table prints no unit; in Keras' degrees no pixel moves.",
        ),
    ]
