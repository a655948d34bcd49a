"""Synthetic radiographs: anatomy, determinism and the cohort they make."""

import numpy as np
import pytest

from boneage_lib.data.maturity import (
    CARPALS,
    CENTRES,
    fused,
    hand_scale,
    ossified,
    ossified_carpals,
)
from boneage_lib.data.phantom import draw_radiograph
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


@pytest.mark.parametrize("months", [-1, 241, float("nan")])
def test_bad_ages_are_refused(months):
    with pytest.raises(InputError, match="0 to 240 months"):
        draw_radiograph(months, False, 64)
