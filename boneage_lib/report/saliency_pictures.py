"""Saliency maps as pictures to lay over radiographs."""

from __future__ import annotations

import cv2
import numpy as np

from boneage_lib.data.whole_files import written_whole
from boneage_lib.report.run import Run


def write_saliency_pictures(run: Run, network: str, ids: list[int], maps: np.ndarray) -> None:
    """Keep saliency maps as pictures: ``saliency/<network>/<id>.png``.

    Red makes the hand older and blue younger; the stronger, the less transparent.

    Args:
        run: where they go.
        network: its name.
        ids: of the radiographs.
        maps: float32 (n, side, side), months, signed.
    """
    folder = run.folder / "saliency" / network
    for key, own in zip(ids, maps, strict=True):
        strength = np.abs(own) / max(float(np.abs(own).max()), 1e-9)
        picture = np.zeros((*own.shape, 4), "uint8")  # blue, green, red, opacity
        picture[own < 0, 0] = picture[own >= 0, 2] = 255
        picture[..., 3] = np.rint(strength * 180)
        _, png = cv2.imencode(".png", picture)
        with written_whole(folder / f"{key}.png") as partial:  # OpenCV is silent on a full disk
            partial.write_bytes(png.tobytes())
