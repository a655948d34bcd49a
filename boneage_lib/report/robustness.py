"""The robustness of a run's networks, and of their ensemble, side by side."""

from __future__ import annotations

import pandas as pd

from boneage_lib.evaluation.printed import AS_PRINTED
from boneage_lib.evaluation.robustness_summary import averaged
from boneage_lib.report.run import NOTEBOOK_OF, Run


def robustness_tables(run: Run) -> dict[str, pd.DataFrame]:
    """Answers to changed radiographs by network, and those of the paper's ensemble.

    Args:
        run: where notebooks 03 to 06 have run.

    Returns:
        By network, what `boneage_lib.evaluation.robustness.robustness` gave; ``ensemble`` last,
        with the printed weights divided by their sum.

    Raises:
        MissingResult: a network is missing, naming its notebook.
        InputError: networks were asked about other radiographs or changes.
    """
    tables = {
        name: run.read_table(f"results/robustness/{name}.csv", notebook)
        for name, notebook in NOTEBOOK_OF.items()
    }
    return {**tables, "ensemble": averaged(tables, AS_PRINTED)}
