"""Error by number of training radiographs."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from boneage_lib.evaluation import student_interval
from boneage_lib.paper.yardsticks import by_training_size
from boneage_lib.report.theme import INK, WIDTH, color_of, marker_of, themed, title_of


@themed
def data_size(found: dict[str, Any], of: str = "") -> Figure:
    """Root mean square error against the number of training radiographs, beside Larson et al.'s.

    Args:
        found: see `boneage_lib.report.reached.on_some`.
        of: the kept study that it is from; empty for the run's own.
    """
    figure = Figure(figsize=(WIDTH, 4.2), label=of)
    axes = figure.add_subplot()
    name = found["network"]
    sizes = [size["n_train"] for size in found["sizes"]]
    means = np.array([np.mean(size["rmse_months"]) for size in found["sizes"]])
    intervals = [student_interval(size["rmse_months"]) for size in found["sizes"]]
    limits = np.array([i or [m, m] for i, m in zip(intervals, means.tolist(), strict=True)])
    axes.errorbar(
        sizes,
        means,
        yerr=[means - limits[:, 0], limits[:, 1] - means],
        fmt=f"-{marker_of(name)}",
        color=color_of(name),
        capsize=4,
        label=f"{title_of(name)}, base frozen",
    )
    printed = by_training_size()
    axes.plot(
        list(printed), list(printed.values()), "--d", color=INK, label="Larson et al., other tests"
    )
    axes.set_xscale("log")
    axes.set_xticks(sizes)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:,.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(bottom=0)
    axes.set_xlabel("Training radiographs")
    axes.set_ylabel("Root mean square error (months)")
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return figure
