"""Path lengths through bones and flesh: known solids, whatever the view."""

import numpy as np
import pytest

from boneage_lib.data.anatomy import CARPAL_RADII
from boneage_lib.data.projection import blob_paths, bone_paths, tube_paths
from boneage_lib.data.skeleton import grow_hand
from boneage_lib.data.soft_tissue import soft_tissue_paths
from boneage_lib.data.solids import Blob, Bone, Hand, Tube


def view(pixels_a_mm: float, degrees: float = 0.0, x: float = 0.0, y: float = 0.0) -> np.ndarray:
    turn = np.deg2rad(degrees)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [np.sin(turn), -np.cos(turn)]])
    return np.column_stack([pixels_a_mm * rotation, [x, y]])


def rod(**shape) -> Tube:
    """A straight tube of 40 x 10 mm."""
    return Tube(np.array([0.0, 40.0]), np.array([5.0, 5.0]), (0.0, 40.0), flat=1.0, **shape)


def hand_of(*solids, weight=1.0) -> Hand:
    bone = Bone("metacarpal_3", (0.0, 0.0), 0.0, ((weight, tuple(solids)),))
    return Hand((bone,), (), 1.0, 1.0)


def test_a_solid_rod_is_as_deep_as_it_is_wide():
    paths, frames = tube_paths([rod(marrow=(1.0, 1.0))], [-np.inf], 4.0)
    x = frames[0, 0] + frames[0, 2] * np.arange(paths[0].shape[1])
    middle = paths[0][len(paths[0]) // 2]
    chord = 2 * np.sqrt(np.maximum(25 - x**2, 0))
    np.testing.assert_allclose(middle, chord, atol=0.05)


def test_a_hollow_rod_shows_its_cortex():
    """Rays along the wall pass more bone than those through the marrow."""
    tube = rod(cortex=(1.5, 1.5), marrow=(0.0, 0.0), plates=(1.0, 1.0))
    paths, frames = tube_paths([tube], [-np.inf], 4.0)
    middle = paths[0][len(paths[0]) // 2]
    x = frames[0, 0] + frames[0, 2] * np.arange(len(middle))
    wall = middle[np.abs(np.abs(x) - 4) < 0.5].max()
    assert wall > 2 * middle[np.abs(x) < 1].mean() > 0
    along = paths[0][:, len(middle) // 2]
    y = frames[0, 1] + np.arange(len(along)) / 4.0
    assert along[(y > 0.4) & (y < 1.0)].mean() > 2 * along[(y > 15) & (y < 25)].mean()  # its plate


def test_solids_do_not_depend_on_their_company():
    """All are computed in one array: each gets what it would get alone."""
    tubes = [rod(), rod(tilt=(0.2, 0.0)), rod(ends=(1.0, -1.0), rounding=(2.0, 3.0))]
    together, frames = tube_paths(tubes, [-np.inf] * 3, 3.0)
    for k, tube in enumerate(tubes):
        alone, frame = tube_paths([tube], [-np.inf], 3.0)
        density = [
            p.sum() * f[2] * f[3] for p, f in ((together[k], frames[k]), (alone[0], frame[0]))
        ]
        assert density[0] == pytest.approx(density[1], rel=0.01)


@pytest.mark.parametrize("degrees", [0, 33, 90, 200])
@pytest.mark.parametrize("pixels_a_mm", [1.5, 2.5])
def test_a_bone_keeps_its_mass_in_every_view(pixels_a_mm, degrees):
    disk = Blob(np.full(72, 4.0), 3.0)
    hand = hand_of(rod(), disk)
    mass = bone_paths(hand, (400, 400), view(4.0, 0, 200, 300)).sum() / 4.0**2
    paths = bone_paths(hand, (300, 300), view(pixels_a_mm, degrees, 150, 150))
    assert paths.sum() / pixels_a_mm**2 == pytest.approx(mass, rel=0.04)


def test_half_a_state_is_half_the_bone():
    whole = bone_paths(hand_of(rod()), (80, 80), view(1.0, 0, 40, 60))
    half = bone_paths(hand_of(rod(), weight=0.5), (80, 80), view(1.0, 0, 40, 60))
    np.testing.assert_allclose(half, whole / 2, atol=1e-5)


def test_bones_outside_the_picture_leave_no_trace():
    assert bone_paths(hand_of(rod()), (80, 80), view(1.0, 0, 500, 500)).sum() == 0
    assert bone_paths(Hand((), (), 1.0, 1.0), (80, 80), view(1.0)).sum() == 0


def test_what_is_not_seen_of_the_forearm_does_not_matter():
    hand = grow_hand(150, False, np.random.default_rng(3), 0.0, 0.0)
    tall = bone_paths(hand, (400, 300), view(1.2, 4, 150, 150))
    short = bone_paths(hand, (230, 300), view(1.2, 4, 150, 150))
    assert np.abs(short - tall[:230]).mean() < 0.01 * tall[:230].mean()
    assert (tall[235:] > 1).any()


def test_a_disk_has_a_bright_rim():
    disk = Blob(np.full(72, 6.0), 8.0, cortex=0.8, marrow=0.2, rim=0.35)
    paths, frames = blob_paths([disk], 4.0)
    middle = paths[0][len(paths[0]) // 2]
    x = np.abs(frames[0, 0] + frames[0, 2] * np.arange(len(middle)))
    assert middle[(x > 4.5) & (x < 5.8)].max() > 1.5 * middle[x < 2].mean()
    assert middle[x > 6.2].max() == 0


def test_carpals_have_facets():
    """Their outlines are not circles, and each has a corner or more."""
    for name, radius in CARPAL_RADII.items():
        assert radius.shape == (72,)
        assert radius.max() / radius.min() > 1.15, name
        x, y = (
            radius * np.cos(np.arange(72) * np.pi / 36),
            radius * np.sin(np.arange(72) * np.pi / 36),
        )
        dx, dy = np.roll(x, -1) - x, np.roll(y, -1) - y
        turns = np.diff(np.unwrap(np.arctan2(dy, dx)))
        assert np.degrees(turns.max()) > 10, name  # a circle turns by 5 degrees everywhere


@pytest.mark.parametrize("months", [12, 180])
def test_flesh_keeps_its_mass_at_every_resolution(months):
    hand = grow_hand(months, True, np.random.default_rng(0), 0.0, 0.0)
    masses = []
    for pixels in (1.2, 2.0):
        side = round(260 * pixels)
        paths = soft_tissue_paths(hand, (side, side), view(pixels, 0, side / 2, side * 0.8))
        assert paths.min() >= 0
        assert paths[0].max() == 0  # above the fingertips
        masses.append(paths.sum() / pixels**2)
    assert masses[0] == pytest.approx(masses[1], rel=0.035)
