"""Memory-mapped arrays larger than memory: what was looked at is given back."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from typing import Any

import numpy as np

#: Bytes looked at before they are given back.
LIMIT = 2**28


class Pages:
    """Keeps what a process holds of memory-mapped arrays small.

    A page of a map that was looked at counts as this process' memory, and stays until the system
    is short of it; on a machine shared with others, or under a cluster's limit, that is too late.
    A page given back is still in the system's file cache, and may be looked at again.

    Args:
        arrays: any; those that are not memory-mapped are passed over.
        limit: bytes looked at before all is given back.
    """

    def __init__(self, arrays: Sequence[np.ndarray], limit: int = LIMIT) -> None:
        maps = {id(m): m for array in arrays if (m := _map_of(array)) is not None}
        self._maps, self._limit, self._seen = list(maps.values()), limit, 0

    def saw(self, n_bytes: int) -> None:
        """Count ``n_bytes`` as looked at, and give all back when they are too many."""
        self._seen += n_bytes
        if self._seen >= self._limit:
            self.give_back()

    def give_back(self) -> None:
        """Give everything back now."""
        self._seen = 0
        for mapped in self._maps:
            mapped.madvise(mmap.MADV_DONTNEED)


def _map_of(array: np.ndarray) -> mmap.mmap | None:
    """The map behind an array or a view of one, where this system can give its pages back.

    Only read-only ones: pages of a private map that were written to would be lost.
    """
    plain = not isinstance(array, np.ndarray) or array.flags.writeable
    if plain or not hasattr(mmap, "MADV_DONTNEED"):
        return None
    base: Any = array
    while base is not None and not isinstance(base, mmap.mmap):
        base = getattr(base, "base", None)
    return base
