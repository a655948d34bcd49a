"""Synthetic radiographs: anatomy, maturity, determinism and how hard they are to read."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from boneage_lib.data.maturity import (
    CARPALS,
    CENTRES,
    draw_individual,
    fused,
    hand_scale,
    noise_floor_months,
    noise_share,
    ossified,
    ossified_carpals,
)
from boneage_lib.data.phantom import draw_radiograph
from boneage_lib.data.projection import bone_paths
from boneage_lib.data.skeleton import grow_hand
from boneage_lib.data.soft_tissue import soft_tissue_paths
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


# Years (boys, girls): https://fpnotebook.com/Ortho/Anatomy/HndGrwthPlts.htm, months there in
# twelfths; the ulna's "5 to 6" and the radius' 1 year are for both sexes.
PRINTED_ONSET_YEARS = {
    "capitate": (4 / 12, 2 / 12),
    "hamate": (4 / 12, 2 / 12),
    "triquetrum": (3, 2),
    "lunate": (4, 3),
    "trapezoid": (6, 4),
    "scaphoid": (6, 4),
    "pisiform": (12, 9),
    "radius": (1, 1),
    "ulna": (6, 5),
}


@pytest.mark.parametrize("name", PRINTED_ONSET_YEARS)
def test_centres_appear_at_about_the_printed_ages(name):
    """Within nine months, up to three years, and within a quarter of the age beyond."""
    for months, years in zip(CENTRES[name].appears, PRINTED_ONSET_YEARS[name], strict=True):
        assert abs(months - 12 * years) <= max(9, 3 * years)


def test_carpals_appear_in_the_usual_order():
    """Gilsanz and Ratib's, but for trapezium, trapezoid and scaphoid, which come together."""
    assert CARPALS[:4] == ("capitate", "hamate", "triquetrum", "lunate")
    assert CARPALS[-1] == "pisiform"
    for sex in (0, 1):
        onsets = [CENTRES[name].appears[sex] for name in CARPALS]
        assert onsets[:4] == sorted(onsets[:4])
        assert max(onsets[4:7]) - min(onsets[4:7]) <= 6
        assert onsets[3] < min(onsets[4:7]) and max(onsets[4:7]) < onsets[7]
        assert CENTRES["radius"].appears[sex] < CENTRES["triquetrum"].appears[sex]
        assert CENTRES["ulna"].appears[sex] < CENTRES["pisiform"].appears[sex]


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


def test_threads_draw_the_same():
    def draw(seed):
        return draw_radiograph(4.0 * seed, seed % 2 == 0, 100, np.random.default_rng(seed))

    seeds = [3, 20, 31, 44, 50, 58]
    with ThreadPoolExecutor(3) as pool:
        threaded = list(pool.map(draw, seeds))
    for seed, picture in zip(seeds, threaded, strict=True):
        np.testing.assert_array_equal(picture, draw(seed))


def test_noise_is_smaller_in_small_children():
    assert noise_share(0) == 0.15
    assert noise_share(48) == 0.5
    assert noise_share(96) == noise_share(240) == 1


def test_noise_floor_is_the_error_of_a_perfect_reader():
    rng = np.random.default_rng(0)
    ages = [6, 30, 60, 120, 120, 200]
    seen = [[draw_individual(m, False, rng, 8.0, 3.0).age - m for _ in range(3000)] for m in ages]
    assert noise_floor_months(ages, 8.0) == pytest.approx(np.abs(seen).mean(), rel=0.03)
    assert noise_floor_months(ages, 0.0) == 0
    assert noise_floor_months([150], 6.0) == pytest.approx(6 * np.sqrt(2 / np.pi))
    assert noise_floor_months(150, 6.0) == noise_floor_months([100, 200], 6.0)


@pytest.mark.parametrize(("ages", "noise"), [([], 6.0), ([100], -1.0), ([100], float("nan"))])
def test_noise_floor_of_nothing_is_refused(ages, noise):
    with pytest.raises(InputError, match="expected"):
        noise_floor_months(ages, noise)


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
