"""Synthetic radiographs: anatomy, determinism and the cohort they make."""

import json

import numpy as np
import pytest

from boneage_lib.data.cohort import Cohort
from boneage_lib.data.maturity import (
    CARPALS,
    CENTRES,
    fused,
    hand_scale,
    ossified,
    ossified_carpals,
)
from boneage_lib.data.phantom import draw_radiograph, write_phantoms
from boneage_lib.data.projection import bone_paths, soft_tissue_paths
from boneage_lib.data.skeleton import grow_hand
from boneage_lib.errors import InputError

VIEW = np.array([[0.8, 0.0, 100.0], [0.0, -0.8, 150.0]])  # 0.8 pixels a mm


def hand(months, female=False, seed=0):
    return grow_hand(months, female, np.random.default_rng(seed), 0.0, 0.0)


def test_centres_of_a_whole_hand():
    assert len(CARPALS) == 8
    tubular = [name for name in CENTRES if name.startswith(("metacarpal", "proximal"))]
    tubular += [name for name in CENTRES if name.startswith(("middle", "distal"))]
    assert len(tubular) == 19
    assert len(CENTRES) == 8 + 19 + 2 + 1  # and radius, ulna, sesamoid
    assert all(centre.appears < centre.completes for centre in CENTRES.values())


@pytest.mark.parametrize(
    ("months", "boys", "girls"),
    [(1, 0, 0), (12, 2, 2), (30, 3, 3), (60, 4, 7), (80, 7, 7), (130, 8, 8)],
)
def test_carpals_appear_one_after_another(months, boys, girls):
    assert ossified_carpals(months, female=False) == boys
    assert ossified_carpals(months, female=True) == girls


def test_girls_are_ahead_of_boys():
    for months in range(0, 229, 6):
        assert set(ossified(months, False)) <= set(ossified(months, True))
        assert set(fused(months, False)) <= set(fused(months, True))
    assert all(centre.appears[1] < centre.appears[0] for centre in CENTRES.values())
    assert hand_scale(228, True) < hand_scale(228, False) == 1


def test_growth_never_turns_back():
    for female in (False, True):
        scales = [hand_scale(months, female) for months in range(0, 241, 3)]
        assert scales == sorted(scales)
        counts = [len(ossified(months, female)) for months in range(0, 241, 3)]
        assert counts == sorted(counts)


def test_older_hands_have_more_bone():
    area, depth = [], []
    for months in (3, 24, 60, 100, 150, 216):
        paths = bone_paths(hand(months), (200, 200), VIEW)
        above_wrist = paths[:165]
        area.append((above_wrist > 0.5).sum())
        depth.append(above_wrist.sum())
    assert area == sorted(area)
    assert depth == sorted(depth)
    assert area[-1] > 3 * area[0]


def test_growth_plates_close():
    def solids(months, name):
        bones = {bone.name: bone for bone in hand(months).bones}
        return [len(solids) for _, solids in bones[name].states]

    assert solids(6, "metacarpal_3") == [1]  # shaft alone
    assert solids(100, "metacarpal_3") == [2]  # shaft and epiphysis
    assert solids(190, "metacarpal_3") == [2, 1]  # fusing
    assert solids(228, "metacarpal_3") == [1]  # one bone


def test_bones_lie_inside_the_soft_tissue():
    for seed in range(5):
        grown = hand(120, seed=seed)
        bone = bone_paths(grown, (200, 200), VIEW)
        flesh = soft_tissue_paths(grown, (200, 200), VIEW)
        assert (flesh[bone > 1] > 0).mean() > 0.995
        assert bone.min() >= 0 and flesh.min() >= 0


def test_left_hand_palm_down():
    """The thumb is on the right, fingers point up, the forearm leaves at the bottom."""
    places = {bone.name: bone.origin for bone in hand(150).bones}
    assert places["distal_phalanx_1"][0] > places["distal_phalanx_5"][0]
    assert places["distal_phalanx_3"][1] > places["metacarpal_3"][1] > 0
    picture = draw_radiograph(150, False, 128, np.random.default_rng(2))
    assert picture[-20:].std() > 0


@pytest.mark.parametrize("size", [32, 100, 251])
def test_radiographs_have_their_shape(size):
    picture = draw_radiograph(90, True, size, np.random.default_rng(0))
    assert picture.shape == (size, size)
    assert picture.dtype == np.uint8
    assert picture.std() > 2


@pytest.mark.parametrize("months", [0, 1, 240])
def test_extreme_ages_can_be_drawn(months):
    for female in (False, True):
        picture = draw_radiograph(months, female, 64, np.random.default_rng(1), 12.0)
        assert picture.max() > picture.min()


def test_any_pose_can_be_drawn():
    """Also where part of the forearm lies below the picture."""
    for seed in range(60):
        months = 4 * seed
        picture = draw_radiograph(months, seed % 2 == 1, 40, np.random.default_rng(seed))
        assert picture.std() > 2


def test_radiographs_depend_on_the_generator_alone():
    first, second, other = (
        draw_radiograph(120, False, 64, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


def test_maturity_noise_hides_the_age():
    scales = [
        [grow_hand(60, True, np.random.default_rng(seed), noise).scale for seed in range(60)]
        for noise in (0.0, 12.0)
    ]
    assert np.std(scales[1]) > np.std(scales[0])


def test_cohort_round_trip(tmp_path):
    seen = []
    cohort = write_phantoms(
        tmp_path / "cohort", n=20, size=32, seed=5, progress=lambda done, n: seen.append((done, n))
    )
    assert seen == [(done, 20) for done in range(1, 21)]
    assert len(cohort) == 20 and cohort.size == 32 and cohort.synthetic
    assert {cohort.info["seed"], cohort.info["n"]} == {5, 20}
    assert cohort.info["split_origin"] == "stratified"
    assert all(len(cohort.rows(split)) for split in ("train", "validation", "test"))
    assert len(Cohort.open(tmp_path / "cohort", verify=True)) == 20
    # Every radiograph can be drawn again on its own: neither order nor threads matter.
    for row in (13, 2):
        label = cohort.labels.iloc[row]
        alone = draw_radiograph(
            label["boneage_months"],
            bool(label["female"]),
            32,
            np.random.default_rng([5, label["id"]]),
        )
        np.testing.assert_array_equal(cohort.images[row], alone)
    again = write_phantoms(tmp_path / "again", n=20, size=32, seed=5)
    assert again.checksum == cohort.checksum
    record = json.loads((tmp_path / "again" / "cohort.json").read_text())
    assert record["maturity_noise_months"] == 6.0


@pytest.mark.parametrize(
    "wrong", [{"n": 19}, {"size": 31}, {"maturity_noise_months": -1}, {"seed": -1}]
)
def test_bad_cohorts_are_refused_before_any_work(tmp_path, wrong):
    with pytest.raises(InputError, match="Found .* expected"):
        write_phantoms(tmp_path / "cohort", **wrong)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("months", [-1, 241, float("nan")])
def test_bad_ages_are_refused(months):
    with pytest.raises(InputError, match="0 to 240 months"):
        draw_radiograph(months, False, 64)
