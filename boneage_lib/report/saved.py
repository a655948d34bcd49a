"""A trained network of a run, opened again."""

from __future__ import annotations

import keras

from boneage_lib.networks import attention  # noqa: F401 - a layer has to be known to be read
from boneage_lib.report.run import Run


def open_model(run: Run, network: str) -> keras.Model:
    """The trained network of a run, from RGB images and sex to z-scores.

    Args:
        run: whose notebooks have trained it.
        network: a key of `boneage_lib.networks.NETWORKS`.

    Raises:
        MissingResult: it is not there; names the notebook that makes it.
        InputError: it is damaged; says how it is made again.
    """
    return keras.saving.load_model(run.model_file(network), compile=False, safe_mode=True)
