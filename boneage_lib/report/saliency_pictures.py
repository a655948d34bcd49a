"""Saliency maps as pictures to lay over radiographs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pandas as pd

from boneage_lib.data.whole_files import written_whole
from boneage_lib.report.run import Run

if TYPE_CHECKING:  # Keras takes seconds to load.
    from boneage_lib.training import Reader


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
        _write(folder / f"{key}.png", colored(own))


def colored(saliency: np.ndarray) -> np.ndarray:
    """A map in colors: uint8 (side, side, 4), blue, green, red and opacity.

    Args:
        saliency: float32 (side, side), months, signed.
    """
    strength = np.abs(saliency) / max(float(np.abs(saliency).max()), 1e-9)
    picture = np.zeros((*saliency.shape, 4), "uint8")
    picture[saliency < 0, 0] = picture[saliency >= 0, 2] = 255
    picture[..., 3] = np.rint(strength * 180)
    return picture


def _write(file: Path, picture: np.ndarray) -> None:
    _, png = cv2.imencode(".png", picture)
    with written_whole(file) as partial:  # OpenCV is silent on a full disk
        partial.write_bytes(png.tobytes())


@dataclass
class Overlays:
    """Pictures of radiographs with where a network looks laid over them.

    Attributes:
        reader: the network.
        folder: where ``<name>.saliency.png`` of each radiograph goes.
    """

    reader: Reader
    folder: Path

    def draw(self, name: str, image: np.ndarray, female: bool) -> Path:
        """Write one.

        Args:
            name: of the radiograph, without an ending.
            image: uint8 (size, size), at the size the network was trained on.
            female: as which the hand is read.
        """
        from boneage_lib.evaluation.saliency import saliency  # Keras takes seconds to load.

        labels = pd.DataFrame({"id": [0], "female": [int(female)], "boneage_months": [0.0]})
        (found,) = saliency(self.reader, image[None], labels).maps
        size = len(image)
        over = cv2.resize(colored(found), (size, size), interpolation=cv2.INTER_LINEAR)
        share = over[..., 3:].astype("float32") / 255
        picture = np.rint(image[..., None] * (1 - share) + over[..., :3] * share)
        file = self.folder / f"{name}.saliency.png"
        _write(file, picture.astype("uint8"))
        return file
