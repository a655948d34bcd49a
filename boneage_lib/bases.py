"""The ImageNet bases: what each expects of an image, and where its weights are.

Apart from `boneage_lib.networks` so that a command can refuse bad settings without loading Keras.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from boneage_lib.errors import InputError

#: Checkpoints other than Keras' own that are known by their SHA-256.
KNOWN_CHECKPOINTS = {
    "2938d737e3b18bcd9b3853d39c9bf103865c1b6cffe0f0c8f4c4281b3c1c3c62": (
        "the 2015 ImageNet checkpoint of Inception-v3 (not Keras' weights: batch-norm folded, 2 of "
        "94 convolutions untrained)"
    ),
    "00957879705f1830f9098f0f547bdc920463b9a75d48045ac403a465e6af55be": (
        "Keras' ImageNet weights of ResNet50, stored as float16"
    ),
    "7e9a05f38df063d59413312afcba95f91bb64c01720e86dc983bb6a898ff8ae7": (
        "Keras' ImageNet weights of Xception, stored as float16"
    ),
}


@dataclass(frozen=True)
class Base:
    """One of `keras.applications`' networks without its top.

    Attributes:
        name: Keras' name in lower case, the beginning of its weight files' names.
        application: name of its constructor in `keras.applications`, and in print.
        minimum_size: smallest side it accepts, pixels.
        input_form: what its ImageNet weights expect of an image: ``"tf"`` RGB in [-1, 1],
            ``"caffe"`` BGR minus ImageNet's mean.
    """

    name: str
    application: str
    minimum_size: int
    input_form: str


BASES = {
    base.name: base
    for base in (
        Base("inception_v3", "InceptionV3", 75, "tf"),
        Base("xception", "Xception", 71, "tf"),
        Base("resnet50", "ResNet50", 32, "caffe"),
    )
}


def check_size(name: str, size: int) -> None:
    """Raise InputError when ``size`` pixels are too few for backbone ``name``."""
    minimum = BASES[name].minimum_size
    if size < minimum:
        raise InputError(
            f"Found an input of {size} px for {BASES[name].application}; it needs at least "
            f"{minimum} px. Prepare the cohort at a larger --size, or use larger patches."
        )


def find_weights(name: str, weights: str | Path | None) -> str | None:
    """What `keras.applications` calls ``weights``: ``"imagenet"``, a file's path, or None.

    Args:
        name: a key of `BASES`.
        weights: ``"imagenet"`` (Keras downloads), ``"random"`` or None, a weight file, or a folder
            that holds ``<name>*notop*.h5``.

    Raises:
        InputError: no such file or folder, or none or several weight files in the folder.
    """
    if weights is None or str(weights) == "random":
        return None
    if str(weights) == "imagenet":
        return "imagenet"
    path = Path(weights)
    if path.is_file():
        return str(path)
    if not path.is_dir():
        raise InputError(
            f"Found no weights at {str(weights)!r}; expected imagenet, random, or a folder with "
            f"{name}*notop*.h5."
        )
    found = sorted(path.glob(f"{name}*notop*.h5"))
    if len(found) != 1:
        names = ", ".join(file.name for file in found) or "none"
        raise InputError(
            f"Expected exactly one {name}*notop*.h5 in {path}; found {names}. Keras' files are "
            "listed at https://keras.io/api/applications/ (the 'notop' ones)."
        )
    return str(found[0])


def describe_weights(name: str, weights: str | Path | None) -> dict[str, str]:
    """Provenance of a backbone's weights: ``kind``, ``checkpoint`` in words, and ``sha256``."""
    found = find_weights(name, weights)
    if found is None:
        return {"kind": "random", "checkpoint": "Keras' random initialization", "sha256": ""}
    if found == "imagenet":
        return {"kind": "imagenet", "checkpoint": "Keras' own download", "sha256": ""}
    digest = hashlib.sha256(Path(found).read_bytes()).hexdigest()
    known = KNOWN_CHECKPOINTS.get(digest, f"the file {Path(found).name}")
    return {"kind": "imagenet", "checkpoint": known, "sha256": digest}


def weights_kind(weights: str | Path | None) -> str:
    """``"random"`` or ``"imagenet"``: whether bases were pretrained at all."""
    return "random" if weights is None or str(weights) == "random" else "imagenet"
