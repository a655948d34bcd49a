"""One theme for every figure: sizes, colors and names, set in one place.

Colors are Okabe and Ito's and Tol's, told apart by readers of any color vision; networks have a
marker of their own as well, so that no figure relies on color alone. Text is large enough for a
figure shrunk to a phone's width.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib as mpl
import seaborn as sns
from IPython import get_ipython
from matplotlib.figure import Figure
from matplotlib_inline.backend_inline import set_matplotlib_formats

from boneage_lib.paper.published import TITLES as NETWORK_TITLES
from boneage_lib.report.outputs import keep_outputs

#: Colors of the networks: those of Figures 4 to 6, in the shades of Okabe and Ito.
COLORS = {
    "inception_v3": "#0072B2",  # blue
    "xception": "#E69F00",  # orange
    "xception_attention": "#009E73",  # green
    "resnet50_patches": "#D55E00",  # red
    "ensemble": "#4D4D4D",
    "constant": "#A6A6A6",
}
TITLES = {**NETWORK_TITLES, "ensemble": "Ensemble", "constant": "Constant guess"}
MARKERS = {
    "inception_v3": "o",
    "xception": "s",
    "xception_attention": "^",
    "resnet50_patches": "D",
    "ensemble": "P",
    "constant": "X",
}
#: By the column ``female``: 0 male, 1 female.
SEX_COLORS = {0: "#66CCEE", 1: "#AA3377"}
SEX_TITLES = {0: "male", 1: "female"}
SEX_MARKERS = {0: "s", 1: "o"}

BONE_AGE = "Bone age (months)"
ABSOLUTE_ERROR = "Mean absolute error (months)"
#: Width of a figure, inches.
WIDTH = 6.4

INK = "#222222"  # text and axes
MUTED = "#767676"  # reference lines and remarks

_SETTINGS: dict[str, Any] = {
    "axes.edgecolor": INK,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 13,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 14,
    "figure.constrained_layout.h_pad": 0.07,
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.w_pad": 0.07,
    "figure.dpi": 100,
    "figure.facecolor": "white",  # not transparent: legible on a dark page, too
    "figure.figsize": (WIDTH, 4.0),
    "font.size": 12,
    "grid.color": "#E4E4E4",
    "legend.fontsize": 12,
    "legend.framealpha": 0.9,
    "lines.linewidth": 2.0,
    "lines.markersize": 7,
    "savefig.dpi": 200,
    "savefig.facecolor": "white",
    "svg.fonttype": "none",
    "svg.hashsalt": "boneage",  # ids in an SVG file are otherwise drawn at random
    "text.color": INK,
    "xtick.labelsize": 12,
    "ytick.labelsize": 12,
}


def settings() -> dict[Any, Any]:
    """Every matplotlib setting of the theme."""
    style = sns.axes_style("ticks")
    context = sns.plotting_context("notebook")
    return {**style, **context, **_SETTINGS}


def use_theme() -> None:
    """Set the theme for all later plots, and sharp pictures in notebooks.

    In a run of the pipeline, figures and tables that cells show are kept as files from here on; see
    `boneage_lib.report.outputs`.

    The functions of `boneage_lib.report.figures` draw under the theme in any case; this is for
    plots made beside them.
    """
    sns.set_theme("notebook", "ticks", palette=list(COLORS.values()), rc=_SETTINGS)
    shell = get_ipython()
    if hasattr(shell, "kernel"):  # A notebook; anywhere else shows no figures by itself.
        shell.run_line_magic("matplotlib", "inline")
        set_matplotlib_formats("retina", metadata={"Software": None})
        formats = shell.display_formatter.formatters["image/png"]
        formats.for_type(Figure, _with_source(formats.lookup_by_type(Figure)))
        keep_outputs(shell, save_figure)


def _with_source(drawn: Callable[[Figure], Any]) -> Callable[[Figure], Any]:
    """A figure's picture with its label, where it has one, among the output's metadata.

    A label names the kept study that a figure is of; see `boneage_lib.report.stamps`.

    Args:
        drawn: gives a picture, or a picture and metadata.
    """

    def picture(figure: Figure) -> Any:
        found = drawn(figure)
        if not figure.get_label():
            return found
        data, metadata = found if isinstance(found, tuple) else (found, {})
        return data, {**metadata, "of": figure.get_label()}

    return picture


Arguments = ParamSpec("Arguments")


def themed(draw: Callable[Arguments, Figure]) -> Callable[Arguments, Figure]:
    """Draw a figure under the theme, whatever the caller's settings are, and leave those alone."""

    @wraps(draw)
    def drawn(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Figure:
        with mpl.rc_context(settings()):
            figure = draw(*args, **kwargs)
            # Ticks are made when first drawn, and take their size from the settings of that time.
            figure.draw_without_rendering()
        return figure

    return drawn


def save_figure(figure: Figure, path: str | Path) -> Path:
    """Write a figure as PNG, SVG or PDF, byte for byte the same every time.

    Args:
        figure: any matplotlib figure.
        path: file to write; the form follows from its suffix.
    """
    path = Path(path)
    metadata: dict[str, None] = {
        ".svg": {"Date": None},
        ".pdf": {"CreationDate": None},
        ".png": {"Software": None},
    }.get(path.suffix, {})
    # Radiographs inside an SVG file are pixels, and finer ones made a quarter of the book.
    own: dict[Any, Any] = {"savefig.dpi": 150} if path.suffix == ".svg" else {}
    with mpl.rc_context({**settings(), **own}):
        figure.savefig(path, metadata=metadata)
    return path


def svg_text(figure: Figure) -> str:
    """A figure as an SVG element, to stand in a page."""
    buffer = io.StringIO()
    with mpl.rc_context(settings()):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def color_of(name: str) -> str:
    """A network's color; that of an ensemble for any other name."""
    return COLORS.get(name, COLORS["ensemble"])


def marker_of(name: str) -> str:
    """A network's marker; that of an ensemble for any other name."""
    return MARKERS.get(name, MARKERS["ensemble"])


def title_of(name: str) -> str:
    """A network's name in print; any other name with a capital and spaces."""
    if name in TITLES:
        return TITLES[name]
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


def age_in_words(months: float, short: bool = False) -> str:
    """A bone age to the nearest month: ``10 years 6 months``, in short ``10 y 6 m``."""
    years, rest = divmod(round(months), 12)
    if short:
        return f"{years} y {rest} m"
    named = [(years, "year"), (rest, "month")]
    parts = [f"{number} {unit}{'' if number == 1 else 's'}" for number, unit in named if number]
    return " ".join(parts) or "0 months"
