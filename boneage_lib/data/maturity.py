"""When the bones of a growing hand ossify, how large they are and when they fuse, by age and sex.

The ages are approximate: rounded medians as they are commonly quoted, good enough to draw synthetic
radiographs in the right order and not meant for reading real ones. To check or replace them,
compare Garn, Rohmann and Silverman, "Radiographic standards for postnatal ossification and tooth
calcification", Medical Radiography and Photography 43 (1967); Greulich and Pyle, "Radiographic
Atlas of Skeletal Development of the Hand and Wrist", 2nd edition (1959); Gilsanz and Ratib, "Hand
Bone Age: A Digital Atlas of Skeletal Maturity", 2nd edition (2012).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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
