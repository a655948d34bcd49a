"""The feature bank: each view once, whatever the batch and however often it was interrupted."""

from __future__ import annotations

import json
import os
import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from tiny import sealed, tiny_base, tiny_cohort

from boneage_lib.data import Cohort
from boneage_lib.errors import InputError
from boneage_lib.inputs import WHOLE_IMAGES, Recipe, draw_view
from boneage_lib.networks import as_expected
from boneage_lib.training import Extractor, extraction, feature_bank, fill_bank, shards
from boneage_lib.training.shards import ArrayFile

SIDE = 32
RECIPE = Recipe(WHOLE_IMAGES)


class FakeExtractor:
    """Means of quarters of an image as its maps; counts its calls and can break off."""

    def __init__(self, breaks_after: int | None = None, **spec: Any) -> None:
        self.spec = {"backbone": "fake", "side": SIDE, **spec}
        self.map_shape = (2, 2, 1)
        self.on_gpu = False
        self.calls: list[int] = []
        self.breaks_after = breaks_after

    def __call__(
        self, grey: np.ndarray, maps: bool = False
    ) -> tuple[np.ndarray, np.ndarray | None]:
        assert grey.dtype == np.uint8
        if len(self.calls) == self.breaks_after:
            raise KeyboardInterrupt
        self.calls.append(len(grey))
        side = grey.shape[-1] // 2
        quarters = grey.reshape(-1, 2, side, 2, side).mean(axis=(2, 4), dtype="float32")
        return quarters.mean(axis=(1, 2))[:, None], quarters[..., None] if maps else None


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    return tiny_cohort(size=SIDE)


@pytest.fixture
def batches_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_bank, "PIXELS_A_BATCH", 2 * SIDE**2)


def all_views(cohort: Cohort, views: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rows = np.tile(np.arange(len(cohort)), views)
    return rows, np.repeat(np.arange(views), len(cohort))


@pytest.mark.parametrize("recipe", [RECIPE, Recipe(patch_count=3, patch_size=16)])
def test_every_place_holds_the_features_of_its_own_view(
    cohort: Cohort, tmp_path: Path, recipe: Recipe
) -> None:
    rows, views = np.array([[3, 9, 3], [9, 0, 3]]), np.array([[0, 0, 1], [1, 0, 0]])
    extractor = FakeExtractor()
    bank = fill_bank(tmp_path, cohort, rows, views, recipe, extractor, seed=4, maps=True)  # type: ignore[arg-type]
    assert bank.pooled.shape == (5, recipe.looks(), 1), "a view drawn twice is kept once"
    assert bank.maps is not None and bank.maps.shape == (5, recipe.looks(), 2, 2, 1)
    places = bank.places(rows, views)
    assert places.shape == rows.shape
    for row, view, place in zip(rows.ravel(), views.ravel(), places.ravel(), strict=True):
        image_id = int(cohort.labels["id"][row])
        pooled, maps = extractor(draw_view(cohort.images[row], image_id, view, recipe, 4), True)
        assert maps is not None
        np.testing.assert_array_equal(bank.pooled[place], pooled)
        np.testing.assert_array_equal(bank.maps[place], maps.astype("float16"))


def test_features_do_not_depend_on_the_batch(
    cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "frozen_backbone", tiny_base)
    extractor = Extractor("resnet50", SIDE)
    rows, views = all_views(cohort, 1)
    banks = []
    for images in (1, 7, 500):
        monkeypatch.setattr(feature_bank, "PIXELS_A_BATCH", images * SIDE**2)
        folder = tmp_path / str(images)
        banks.append(fill_bank(folder, cohort, rows, views, RECIPE, extractor).pooled)
    spread = np.std(banks[0])
    for other in banks[1:]:
        np.testing.assert_allclose(other, banks[0], atol=1e-5 * spread)


def test_the_base_always_sees_full_batches(
    cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_bank, "PIXELS_A_BATCH", 5 * SIDE**2)
    extractor = FakeExtractor()
    progress: list[tuple[int, int]] = []
    fill_bank(
        tmp_path,
        cohort,
        np.arange(12),
        np.zeros(12, int),
        RECIPE,
        extractor,  # type: ignore[arg-type]
        progress=lambda done, n: progress.append((done, n)),
    )
    assert extractor.calls == [5, 5, 5]
    assert progress == [(5, 12), (10, 12), (12, 12)]


def test_a_full_bank_is_opened_without_the_base(cohort: Cohort, tmp_path: Path) -> None:
    rows, views = all_views(cohort)
    first = fill_bank(tmp_path, cohort, rows, views, RECIPE, FakeExtractor())  # type: ignore[arg-type]
    idle = FakeExtractor(breaks_after=0)
    # The order of the draws and repeats among them change nothing.
    again = fill_bank(tmp_path, cohort, rows[::-1], views[::-1], RECIPE, idle)  # type: ignore[arg-type]
    assert again.folder == first.folder
    np.testing.assert_array_equal(again.pooled, first.pooled)
    assert all(isinstance(part, ArrayFile) for part in again.pooled.parts)


@pytest.mark.usefixtures("batches_of_two")
def test_a_bank_grows_by_what_is_new(cohort: Cohort, tmp_path: Path) -> None:
    rows, views = np.arange(6), np.zeros(6, int)
    fill_bank(tmp_path, cohort, rows, views, RECIPE, FakeExtractor())  # type: ignore[arg-type]
    more = FakeExtractor()
    both = np.concatenate([rows, rows]), np.concatenate([views, views + 1])
    grown = fill_bank(tmp_path, cohort, *both, RECIPE, more)  # type: ignore[arg-type]
    assert sum(more.calls) == 6
    at_once = fill_bank(tmp_path / "new", cohort, *both, RECIPE, FakeExtractor())  # type: ignore[arg-type]
    for row, view in zip(*both, strict=True):
        pair = int(row), int(view)
        np.testing.assert_array_equal(
            grown.pooled[grown.index[pair]], at_once.pooled[at_once.index[pair]]
        )


@pytest.mark.usefixtures("batches_of_two")
def test_a_damaged_shard_is_made_again(cohort: Cohort, tmp_path: Path) -> None:
    rows, views = all_views(cohort, 3)
    bank = fill_bank(tmp_path, cohort, rows, views, RECIPE, FakeExtractor())  # type: ignore[arg-type]
    before = np.asarray(bank.pooled)
    files = sorted(bank.folder.glob("*.pooled.npy"))
    assert len(files) > 3
    content = bytearray(files[0].read_bytes())
    content[-2] ^= 255
    files[0].write_bytes(content)
    files[1].write_bytes(files[1].read_bytes()[:-4])
    files[2].unlink()
    files[3].write_bytes(b"")
    repairing = FakeExtractor()
    again = fill_bank(tmp_path, cohort, rows, views, RECIPE, repairing)  # type: ignore[arg-type]
    assert 0 < sum(repairing.calls) <= 4 * 32
    np.testing.assert_array_equal(again.pooled, before)


@pytest.mark.usefixtures("batches_of_two")
def test_who_reads_no_maps_does_not_check_them(cohort: Cohort, tmp_path: Path) -> None:
    rows, views = all_views(cohort, 3)
    extractor = FakeExtractor()
    bank = fill_bank(tmp_path, cohort, rows, views, RECIPE, extractor, maps=True)  # type: ignore[arg-type]
    damaged = min(bank.folder.glob("*.maps.npy"))
    content = bytearray(damaged.read_bytes())
    content[-2] ^= 255
    damaged.write_bytes(content)
    idle = FakeExtractor(breaks_after=0)
    pooled = fill_bank(
        tmp_path, cohort, rows, views, RECIPE, idle, maps=True, to_read="pooled"  # type: ignore[arg-type]
    )  # fmt: skip
    np.testing.assert_array_equal(pooled.pooled, bank.pooled)
    repairing = FakeExtractor()
    whole = fill_bank(tmp_path, cohort, rows, views, RECIPE, repairing, maps=True)  # type: ignore[arg-type]
    assert sum(repairing.calls) > 0
    assert whole.maps is not None
    # A damaged pooled file is found by either.
    small = min(bank.folder.glob("*.pooled.npy"))
    small.write_bytes(small.read_bytes()[:-4])
    again = FakeExtractor()
    fill_bank(
        tmp_path, cohort, rows, views, RECIPE, again, maps=True, to_read="pooled"  # type: ignore[arg-type]
    )  # fmt: skip
    assert sum(again.calls) > 0


@pytest.mark.usefixtures("batches_of_two")
def test_several_jobs_fill_a_bank_together(cohort: Cohort, tmp_path: Path) -> None:
    rows, views = all_views(cohort)
    looked = []
    for part in range(3):
        extractor = FakeExtractor()
        fill_bank(tmp_path, cohort, rows, views, RECIPE, extractor, part=(part, 3))  # type: ignore[arg-type]
        looked.append(sum(extractor.calls))
    assert sum(looked) == len(rows) and min(looked) > 0
    idle = FakeExtractor(breaks_after=0)
    together = fill_bank(tmp_path, cohort, rows, views, RECIPE, idle)  # type: ignore[arg-type]
    alone = fill_bank(tmp_path / "alone", cohort, rows, views, RECIPE, FakeExtractor())  # type: ignore[arg-type]
    np.testing.assert_array_equal(together.pooled, alone.pooled)


def test_a_part_without_a_shard_of_its_own_leaves_the_bank_to_the_others(
    cohort: Cohort, tmp_path: Path
) -> None:
    rows, views = np.arange(4), np.zeros(4, int)
    idle = FakeExtractor(breaks_after=0)
    for part in (1, 2):
        bank = fill_bank(tmp_path, cohort, rows, views, RECIPE, idle, maps=True, part=(part, 3))  # type: ignore[arg-type]
        assert bank.index == {} and bank.pooled.shape == (0, 1, 1)
        assert bank.maps is not None and bank.maps.shape == (0, 1, 2, 2, 1)
    filled = fill_bank(
        tmp_path, cohort, rows, views, RECIPE, FakeExtractor(), maps=True, part=(0, 3)
    )  # type: ignore[arg-type]
    assert len(filled.pooled) == 4


def test_other_code_or_another_opencv_names_another_bank(
    cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, views = np.arange(4), np.zeros(4, int)

    def folder() -> Path:
        return fill_bank(tmp_path, cohort, rows, views, RECIPE, FakeExtractor()).folder  # type: ignore[arg-type]

    folders = {folder()}
    monkeypatch.setattr(feature_bank.cv2, "__version__", "0.0.1")
    folders.add(folder())
    monkeypatch.setattr(feature_bank, "digest_of_code", lambda _: "of tomorrow")
    folders.add(folder())
    assert len(folders) == 3


@pytest.mark.usefixtures("batches_of_two")
def test_a_bank_of_many_shards_keeps_few_files_open(
    cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_bank, "BATCHES_A_SHARD", 1)
    rows, views = all_views(cohort)
    fill_bank(tmp_path, cohort, rows, views, RECIPE, FakeExtractor())  # type: ignore[arg-type]
    whole = np.asarray(fill_bank(tmp_path, cohort, rows, views, RECIPE, FakeExtractor()).pooled)  # type: ignore[arg-type]
    monkeypatch.setattr(shards, "OPEN_AT_ONCE", 3)
    before = open_files()
    bank = fill_bank(tmp_path, cohort, rows, views, RECIPE, FakeExtractor())  # type: ignore[arg-type]
    assert len(bank.pooled.parts) == 64
    order = np.random.default_rng(0).permutation(len(whole))
    np.testing.assert_array_equal(bank.pooled[order], whole[order])
    assert open_files() - before <= 3
    monkeypatch.setattr(shards, "LIMIT", 1)
    np.testing.assert_array_equal(bank.pooled[order[:5]], whole[order[:5]])
    assert open_files() <= before, "and none once much was looked at"


def open_files() -> int:
    return len(os.listdir("/dev/fd"))


@pytest.mark.usefixtures("batches_of_two")
def test_what_cannot_be_read_is_no_damaged_shard(
    cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, views = np.arange(4), np.zeros(4, int)
    fill_bank(tmp_path, cohort, rows, views, RECIPE, FakeExtractor())  # type: ignore[arg-type]

    def too_many(*_: Any, **__: Any) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(shards.np, "load", too_many)
    with pytest.raises(OSError, match="Too many open files"):
        fill_bank(tmp_path, cohort, rows, views, RECIPE, FakeExtractor())  # type: ignore[arg-type]


@pytest.mark.usefixtures("batches_of_two")
def test_shards_of_maps_are_bound_by_their_bytes(
    cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bytes_a_batch = 2 * 4 * (1 + 4)  # two views of one pooled feature and four of maps, float32
    monkeypatch.setattr(feature_bank, "SHARD_BYTES", 3 * bytes_a_batch)
    rows, views = all_views(cohort, 1)
    kept = {"maps": True, "map_dtype": "float32"}
    bank = fill_bank(tmp_path, cohort, rows, views, RECIPE, FakeExtractor(), **kept)  # type: ignore[arg-type]
    assert bank.maps is not None
    assert {part.shape[0] for part in bank.maps.parts[:-1]} == {6}
    monkeypatch.setattr(feature_bank, "SHARD_BYTES", 1)
    one = fill_bank(tmp_path / "1", cohort, rows, views, RECIPE, FakeExtractor(), **kept)  # type: ignore[arg-type]
    assert one.maps is not None and {part.shape[0] for part in one.maps.parts} == {2}
    np.testing.assert_array_equal(one.maps, bank.maps)


def test_a_folder_made_from_something_else_is_refused(cohort: Cohort, tmp_path: Path) -> None:
    rows, views = np.arange(4), np.zeros(4, int)
    bank = fill_bank(tmp_path, cohort, rows, views, RECIPE, FakeExtractor())  # type: ignore[arg-type]
    record = json.loads((bank.folder / "bank.json").read_text())
    (bank.folder / "bank.json").write_text(json.dumps(record | {"seed": 9}))
    with pytest.raises(InputError, match="other settings: found seed 9, expected 0"):
        fill_bank(tmp_path, cohort, rows, views, RECIPE, FakeExtractor())  # type: ignore[arg-type]


@pytest.mark.usefixtures("batches_of_two")
@pytest.mark.parametrize("breaks_after", [0, 1, 17, 40])
def test_an_interrupted_bank_goes_on_and_ends_as_if_undisturbed(
    cohort: Cohort, tmp_path: Path, breaks_after: int
) -> None:
    rows, views = all_views(cohort)
    batches = len(rows) // 2
    broken = FakeExtractor(breaks_after)
    with pytest.raises(KeyboardInterrupt):
        fill_bank(tmp_path / "broken", cohort, rows, views, RECIPE, broken, maps=True)  # type: ignore[arg-type]
    resumed, undisturbed = FakeExtractor(), FakeExtractor()
    one = fill_bank(tmp_path / "broken", cohort, rows, views, RECIPE, resumed, maps=True)  # type: ignore[arg-type]
    two = fill_bank(tmp_path / "whole", cohort, rows, views, RECIPE, undisturbed, maps=True)  # type: ignore[arg-type]
    assert len(undisturbed.calls) == batches
    # Progress is written down every 16 batches.
    assert len(resumed.calls) == batches - breaks_after // 16 * 16
    assert one.maps is not None and two.maps is not None
    np.testing.assert_array_equal(one.pooled, two.pooled)
    np.testing.assert_array_equal(one.maps, two.maps)


def test_whatever_features_depend_on_names_another_bank(cohort: Cohort, tmp_path: Path) -> None:
    darker = sealed(cohort.labels, cohort.images // 2)
    rows, views = np.arange(4), np.zeros(4, int)
    settings: dict[str, dict[str, Any]] = {
        "the first": {},
        "cohort": {"cohort": darker},
        "augmentation": {"recipe": Recipe()},
        "patches": {"recipe": Recipe(WHOLE_IMAGES, 3, 16)},
        "patch size": {"recipe": Recipe(WHOLE_IMAGES, 3, 18)},
        "seed": {"seed": 1},
        "maps": {"maps": True},
        "precision of maps": {"maps": True, "map_dtype": "float32"},
        "weights": {"extractor": FakeExtractor(weights_seed=1)},
        "input form": {"extractor": FakeExtractor(input_form="tf")},
    }
    first = {"cohort": cohort, "rows": rows, "views": views, "recipe": RECIPE}
    first["extractor"] = FakeExtractor()
    folders = {
        name: fill_bank(tmp_path, **first | other).folder for name, other in settings.items()
    }  # type: ignore[arg-type]
    assert len(set(folders.values())) == len(settings)
    for folder in folders.values():
        assert len(list(folder.glob("*.pooled.npy"))) == 1


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_maps_are_kept_in_the_precision_asked_for(
    cohort: Cohort, tmp_path: Path, dtype: str
) -> None:
    rows, views = all_views(cohort, 1)
    bank = fill_bank(
        tmp_path,
        cohort,
        rows,
        views,
        Recipe(),
        FakeExtractor(),  # type: ignore[arg-type]
        maps=True,
        map_dtype=dtype,
    )
    assert bank.maps is not None
    assert str(bank.maps.dtype) == dtype and bank.pooled.dtype == "float32"
    found = np.asarray(bank.maps).astype("float32")
    # Means over a map's positions are the pooled features, to the digits that the maps have.
    rounding = {"bfloat16": 2**-8, "float16": 2**-11, "float32": 2**-22}[dtype]
    np.testing.assert_allclose(found.mean(axis=(2, 3)), bank.pooled, rtol=rounding)
    assert fill_bank(tmp_path, cohort, rows, views, Recipe(), FakeExtractor()).maps is None  # type: ignore[arg-type]


def test_a_disk_without_room_is_refused_before_anything_is_written(
    cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(2**30, 2**30 - 100, 100))
    extractor = FakeExtractor()
    rows, views = all_views(cohort)
    with pytest.raises(InputError, match=r"feature bank needs 0.0 GiB.*lower views"):
        fill_bank(tmp_path, cohort, rows, views, RECIPE, extractor)  # type: ignore[arg-type]
    assert extractor.calls == []
    assert list(tmp_path.rglob("*.npy")) == []
    # 128 views of one float32 need 512 bytes; a twentieth of the disk stays free.
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(2**30, 0, 560))
    fill_bank(tmp_path, cohort, rows, views, RECIPE, extractor)  # type: ignore[arg-type]


def test_the_extractor_turns_grey_bytes_into_what_the_base_expects(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def seeing(name: str, size: int, *_: Any) -> keras.Model:
        image = keras.Input((size, size, 3))
        return keras.Model(image, keras.layers.AveragePooling2D(2)(image), name=name)

    monkeypatch.setattr(extraction, "frozen_backbone", seeing)
    grey = np.arange(0, 256, dtype=np.uint8).reshape(1, 16, 16)
    rgb = np.repeat(grey[..., None].astype("float32"), 3, axis=-1) / 127.5 - 1
    for form in ("tf", "caffe"):
        extractor = Extractor("resnet50", 16, input_form=form)
        pooled, maps = extractor(grey, maps=True)
        expected = np.asarray(keras.ops.convert_to_numpy(as_expected(rgb, form)))
        np.testing.assert_allclose(pooled, expected.mean(axis=(1, 2)), rtol=1e-5, atol=1e-4)
        assert maps is not None and maps.shape == (1, *extractor.map_shape) == (1, 8, 8, 3)
        quarters = expected.reshape(1, 8, 2, 8, 2, 3).mean(axis=(2, 4))
        np.testing.assert_allclose(maps, quarters, rtol=1e-5, atol=1e-4)
        np.testing.assert_allclose(extractor(grey)[0], pooled, rtol=1e-6)
        assert extractor(grey)[1] is None
        assert extractor.spec["input_form"] == form


def test_only_random_weights_depend_on_the_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "frozen_backbone", tiny_base)
    file = tmp_path / "resnet50_notop.h5"
    file.write_bytes(b"")
    assert Extractor("resnet50", SIDE, None, seed=3).spec["weights_seed"] == 3
    assert Extractor("resnet50", SIDE, file, seed=3).spec["weights_seed"] is None


@pytest.mark.usefixtures("batches_of_two")
def test_several_batches_under_way_give_the_same_bank(
    cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a GPU: larger batches of one shape for every recipe, in their order."""
    monkeypatch.setattr(feature_bank, "PIXELS_A_GPU_BATCH", 7 * SIDE**2)
    rows, views = all_views(cohort)
    banks = []
    for on_gpu in (False, True):
        extractor = FakeExtractor()
        extractor.on_gpu = on_gpu
        for recipe in (RECIPE, Recipe(patch_count=3, patch_size=SIDE)):
            bank = fill_bank(tmp_path / str(on_gpu), cohort, rows, views, recipe, extractor)  # type: ignore[arg-type]
            banks.append(bank)
        assert set(extractor.calls) == ({7} if on_gpu else {2, 3})
    for cpu, gpu in zip(banks[:2], banks[2:], strict=True):
        np.testing.assert_array_equal(gpu.pooled, cpu.pooled)
        assert gpu.index == cpu.index
