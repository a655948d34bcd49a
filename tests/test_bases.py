"""The ImageNet bases: sizes, and finding and describing their weights."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from boneage_lib.bases import (
    BASES,
    KNOWN_CHECKPOINTS,
    check_size,
    describe_weights,
    find_weights,
    weights_kind,
)
from boneage_lib.errors import InputError


@pytest.mark.parametrize(
    ("name", "minimum"), [("inception_v3", 75), ("xception", 71), ("resnet50", 32)]
)
def test_an_input_below_the_minimum_is_refused_by_size(name: str, minimum: int) -> None:
    check_size(name, minimum)
    with pytest.raises(InputError, match=rf"{minimum - 1} px .* at least {minimum} px"):
        check_size(name, minimum - 1)


@pytest.mark.parametrize("weights", [None, "random"])
def test_no_weights_and_random_mean_the_same(weights: str | None) -> None:
    assert find_weights("xception", weights) is None
    assert weights_kind(weights) == "random"
    assert describe_weights("xception", weights)["kind"] == "random"


def test_imagenet_is_left_to_keras() -> None:
    assert find_weights("xception", "imagenet") == "imagenet"
    assert weights_kind("imagenet") == "imagenet"
    assert describe_weights("xception", "imagenet") == {
        "kind": "imagenet",
        "checkpoint": "Keras' own download",
        "sha256": "",
    }


def test_a_folder_gives_each_base_its_own_file(tmp_path: Path) -> None:
    for name in BASES:
        (tmp_path / f"{name}_weights_tf_dim_ordering_tf_kernels_notop.h5").write_bytes(b"")
    (tmp_path / "xception_weights_tf_dim_ordering_tf_kernels.h5").write_bytes(b"")  # with its top
    for name in BASES:
        found = find_weights(name, tmp_path)
        assert found is not None
        assert Path(found).parent == tmp_path
        assert Path(found).name.startswith(name) and "notop" in Path(found).name
    assert weights_kind(tmp_path) == "imagenet"


def test_a_file_is_taken_as_it_is_and_described_by_its_digest(tmp_path: Path) -> None:
    file = tmp_path / "mine.h5"
    file.write_bytes(b"weights")
    assert find_weights("resnet50", file) == str(file)
    described = describe_weights("resnet50", file)
    assert described["checkpoint"] == "the file mine.h5"
    assert described["sha256"] == hashlib.sha256(b"weights").hexdigest()


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no weights at .*nowhere.*folder with xception"):
        find_weights("xception", tmp_path / "nowhere")


def test_a_folder_without_the_bases_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "resnet50_notop.h5").write_bytes(b"")
    with pytest.raises(InputError, match="exactly one xception.*found none"):
        find_weights("xception", tmp_path)


def test_an_ambiguous_folder_is_refused_and_names_the_files(tmp_path: Path) -> None:
    for name in ("xception_a_notop.h5", "xception_b_notop.h5"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(InputError, match="xception_a_notop.h5, xception_b_notop.h5"):
        find_weights("xception", tmp_path)


@pytest.mark.parametrize("name", BASES)
def test_real_weights_are_known_checkpoints(name: str) -> None:
    folder = os.environ.get("BONEAGE_WEIGHTS")
    if not folder:
        pytest.skip("BONEAGE_WEIGHTS is not set: no ImageNet weights to test with")
    described = describe_weights(name, folder)
    assert described["kind"] == "imagenet"
    assert described["checkpoint"] == KNOWN_CHECKPOINTS[described["sha256"]]
    assert BASES[name].application in described["checkpoint"].replace("-v3", "V3")
