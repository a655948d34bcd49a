"""When the bones of a growing hand ossify, how large they are and when they fuse, by age and sex.

The ages are rounded medians as they are commonly quoted, remembered and not copied from a table:
good enough to draw synthetic radiographs in the right order, not meant for reading real ones. They
follow

- for the onset of ossification, Garn, Rohmann and Silverman, "Radiographic standards for postnatal
  ossification and tooth calcification" (1967);
- for fusion, Greulich and Pyle, "Radiographic Atlas of Skeletal Development of the Hand and Wrist"
  (2nd edition, 1959);
- for the sequence, Gilsanz and Ratib, "Hand Bone Age" (2nd edition, 2012).

Checked against stored public text, all of it secondary: the years at which capitate, hamate,
triquetrum, lunate, scaphoid, trapezoid, pisiform and the epiphyses of radius and ulna appear
(https://fpnotebook.com/Ortho/Anatomy/HndGrwthPlts.htm; `tests/test_phantom.py` compares them), and
Gilsanz and Ratib's order of the carpals, but for their scaphoid, which comes after trapezium and
trapezoid; here the three appear within six months. Not checked: every epiphysis of the fingers, the
sesamoid and all ages of fusion. The growth of the hand is drawn by eye.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from boneage_lib.errors import InputError

CARPALS = (
    "capitate",
    "hamate",
    "triquetrum",
    "lunate",
    "scaphoid",
    "trapezium",
    "trapezoid",
    "pisiform",
)


@dataclass(frozen=True)
class Centre:
    """One ossification centre: months at which it appears and is complete, (boys, girls).

    An epiphysis is complete when it has fused with its shaft, a carpal when it fills its cartilage.
    """

    appears: tuple[float, float]
    completes: tuple[float, float]

    def progress(self, months: float, female: bool) -> float:
        """0 when the centre appears, 1 when it is complete; below 0 and above 1 outside."""
        start, end = self.appears[bool(female)], self.completes[bool(female)]
        return (months - start) / (end - start)


def _epiphyses() -> dict[str, Centre]:
    metacarpals = {2: (18, 12), 3: (20, 13), 4: (23, 15), 5: (26, 16)}
    middle = {2: (24, 16), 3: (22, 14), 4: (22, 15), 5: (38, 22)}
    distal = {1: (20, 12), 2: (26, 18), 3: (24, 16), 4: (24, 16), 5: (26, 18)}
    centres = {"metacarpal_1": Centre((32, 19), (198, 180))}
    centres |= {f"metacarpal_{k}": Centre(v, (198, 180)) for k, v in metacarpals.items()}
    proximal = {1: (33, 20), 2: (17, 10), 3: (17, 10), 4: (17, 10), 5: (21, 14)}
    centres |= {f"proximal_phalanx_{k}": Centre(v, (192, 174)) for k, v in proximal.items()}
    centres |= {f"middle_phalanx_{k}": Centre(v, (192, 174)) for k, v in middle.items()}
    centres |= {f"distal_phalanx_{k}": Centre(v, (186, 162)) for k, v in distal.items()}
    centres["radius"] = Centre((13, 10), (222, 204))
    centres["ulna"] = Centre((85, 65), (216, 200))
    return centres


def _carpals() -> dict[str, Centre]:
    appears = {
        "capitate": (3, 2),
        "hamate": (4, 2),
        "triquetrum": (29, 21),
        "lunate": (48, 31),
        "scaphoid": (68, 50),
        "trapezium": (71, 49),
        "trapezoid": (74, 50),
        "pisiform": (120, 100),
    }
    return {name: Centre(months, (186, 165)) for name, months in appears.items()}


#: Every centre by the name of its bone: eight carpals, the epiphyses of the nineteen tubular bones,
#: of radius and ulna, and the adductor sesamoid of the thumb.
CENTRES: dict[str, Centre] = {
    **_carpals(),
    **_epiphyses(),
    "sesamoid": Centre((152, 128), (192, 168)),
}

# Length of the hand as a fraction of the adult's of the same sex.
_GROWTH_MONTHS = (0, 6, 12, 24, 36, 60, 84, 108, 132, 156, 180, 204, 228)
_GROWTH_BOYS = (0.38, 0.45, 0.50, 0.57, 0.62, 0.695, 0.76, 0.815, 0.865, 0.925, 0.98, 1.0, 1.0)
_GROWTH_GIRLS = (0.40, 0.47, 0.52, 0.595, 0.65, 0.735, 0.805, 0.87, 0.935, 0.985, 1.0, 1.0, 1.0)
_ADULT_WOMAN = 0.925


def hand_scale(months: float, female: bool) -> float:
    """Length of the hand relative to an adult man's (about 185 mm), 0.37 to 1.

    A smooth curve through rounded growth figures: about 7 cm at birth, 9 at one year, 17 to 19 for
    adults, the spurt of girls about two years before that of boys.
    """
    if female:
        return _ADULT_WOMAN * float(np.interp(months, _GROWTH_MONTHS, _GROWTH_GIRLS))
    return float(np.interp(months, _GROWTH_MONTHS, _GROWTH_BOYS))


def noise_share(months: float) -> float:
    """Share of the maturity's standard deviation that hands of an age vary by, 0.15 to 1.

    From eight years on all of it; before in proportion to the age, as a year's difference between
    two infants would be monstrous.
    """
    return min(max(months / 96, 0.15), 1.0)


def noise_floor_months(boneage_months: ArrayLike, maturity_noise_months: float) -> float:
    """Mean absolute error, months, of a reader who sees the drawn maturity of each hand exactly.

    A hand's maturity scatters around its bone age with standard deviation
    ``noise_share(age) * maturity_noise_months``, and nothing in a picture tells the two apart: such
    a reader still errs by sqrt(2 / pi) times that on average. It is the floor for readers that do
    not use how common each age is; one that does may come out slightly below it, as it shrinks
    towards the common ages. Centers vary on their own as well, which a reader has to average out:
    that is not in the floor.

    Args:
        boneage_months: (n,) ages to average over, 0 to 240 months.
        maturity_noise_months: as given to `phantom.draw_radiograph`, 0 or more months.

    Raises:
        InputError: no age, or a negative noise.
    """
    ages = np.atleast_1d(np.asarray(boneage_months, dtype=float))
    if ages.size == 0:
        raise InputError("Found no ages; expected one or more to average the noise floor over.")
    if not maturity_noise_months >= 0:
        raise InputError(
            f"Found maturity_noise_months={maturity_noise_months}; expected 0 or more months."
        )
    shares = [noise_share(float(months)) for months in ages]
    return float(np.mean(shares) * maturity_noise_months * np.sqrt(2 / np.pi))


@dataclass(frozen=True)
class Individual:
    """How far one child has grown.

    Attributes:
        female: sex.
        age: maturity of the whole hand, months.
        ages: maturity of each centre, months.
        scale: length of the hand relative to an adult man's.
        robust: width of the bones relative to an average man's of the same length.
    """

    female: bool
    age: float
    ages: dict[str, float]
    scale: float
    robust: float

    def progress(self, name: str) -> float:
        """0 when a centre appears, 1 when it is complete."""
        return CENTRES[name].progress(self.ages[name], self.female)

    @property
    def grown(self) -> float:
        """0 at birth, 1 when the fingers stop growing."""
        return min(max(self.age / (162 if self.female else 180), 0.0), 1.0)


def draw_individual(
    months: float,
    female: bool,
    rng: np.random.Generator,
    maturity_noise_months: float,
    centre_noise_months: float,
) -> Individual:
    """A child of a bone age; see `skeleton.grow_hand`."""
    share = noise_share(months)
    age = months + share * maturity_noise_months * float(rng.standard_normal())
    jitter = share * centre_noise_months * rng.standard_normal(len(CENTRES))
    return Individual(
        female=female,
        age=age,
        ages={name: age + float(d) for name, d in zip(CENTRES, jitter, strict=True)},
        scale=hand_scale(max(age, 0), female) * float(np.exp(0.025 * rng.standard_normal())),
        robust=(0.92 if female else 1.0)
        * (1.04 + 0.2 * max(0.0, 1 - age / 120))  # children's bones are stout
        * float(np.exp(0.04 * rng.standard_normal())),
    )


def ossified(months: float, female: bool) -> list[str]:
    """Names of the centres (keys of ``CENTRES``) visible at an age, in the order of ``CENTRES``."""
    return [name for name, centre in CENTRES.items() if centre.progress(months, female) >= 0]


def ossified_carpals(months: float, female: bool) -> int:
    """Number of carpals visible at an age, 0 to 8."""
    return sum(name in CARPALS for name in ossified(months, female))


def fused(months: float, female: bool) -> list[str]:
    """Names of the tubular bones whose epiphysis has fused at an age."""
    return [
        name
        for name, centre in CENTRES.items()
        if name not in CARPALS and name != "sesamoid" and centre.progress(months, female) >= 1
    ]
