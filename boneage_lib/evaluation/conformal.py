"""How far an answer may be off: split conformal intervals, which ask nothing of the errors' form.

Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World" (2005); Lei et al.,
"Distribution-free predictive inference for regression", JASA 113 (2018).
"""

from __future__ import annotations

import math

import numpy as np

from boneage_lib.errors import InputError


def conformal_half_width(errors: np.ndarray, coverage: float = 0.9) -> float | None:
    """Half the width of an interval that holds the true age of a new radiograph.

    Were the new radiograph drawn as those of ``errors`` were, its error would be at most this with
    a probability of ``coverage`` or more, whatever the errors' distribution.

    Args:
        errors: (n,) signed or absolute errors on radiographs that the network did not learn from,
            months.
        coverage: above 0 and below 1.

    Returns:
        Months; None where there are too few errors to promise so much.

    Raises:
        InputError: a coverage out of range, or errors that are no numbers.
    """
    if not 0 < coverage < 1:
        raise InputError(f"Found a coverage of {coverage}; expected a share above 0 and below 1.")
    found = np.sort(np.abs(np.asarray(errors, dtype=float)))
    if not np.isfinite(found).all():
        raise InputError("Found errors that are no finite numbers; expected months.")
    rank = math.ceil((len(found) + 1) * coverage - 1e-9)
    return None if rank > len(found) else float(found[rank - 1])
