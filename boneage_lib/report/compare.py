"""Two runs side by side: settings that differ, errors with intervals, loss curves."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from matplotlib.figure import Figure
from scipy import stats

from boneage_lib.data.whole_files import written_whole
from boneage_lib.errors import InputError
from boneage_lib.evaluation import paired_difference
from boneage_lib.paper.signs import signed
from boneage_lib.report import figures
from boneage_lib.report.collected import ENSEMBLE
from boneage_lib.report.run import NOTEBOOK_OF, Run
from boneage_lib.report.theme import svg_text, title_of
from boneage_lib.report.wording import data_line, with_interval

#: Draws of the bootstrap where two runs have other test radiographs.
RESAMPLES = 10_000


def compare_runs(first: Run, second: Run, seed: int = 0) -> dict[str, Any]:
    """Settings, data and errors of two finished runs.

    On the same test radiographs the difference of the errors is paired, radiograph by radiograph;
    on others both test sets are drawn again, each by itself.

    Args:
        first: a run.
        second: another one.
        seed: seed of the bootstraps.

    Returns:
        Plain values for JSON: ``runs`` (two names), ``data`` (in words), ``settings`` ({name:
        [first, second]}, those that differ) and ``networks``: {name: ``mae_months`` [first,
        second], ``difference_months`` (second less first), ``difference_months_ci``, ``paired``}.

    Raises:
        MissingResult: a run has not ended.
        InputError: a folder is no run.
    """
    runs = (first, second)
    for run in runs:
        if not run.parameters_file.is_file():
            raise InputError(
                f"Found no parameters.yaml in {run.folder}; expected the folder of a run, such as "
                "runs/demo."
            )
    measured = [run.read_json("metrics.json", "08_ensemble_analysis") for run in runs]
    flat = [dict(_facts(run, own)) for run, own in zip(runs, measured, strict=True)]
    names = list(dict.fromkeys([*flat[0], *flat[1]]))
    return {
        "runs": [run.name for run in runs],
        "data": [data_line(own["data"]) for own in measured],
        "settings": {
            name: [own.get(name) for own in flat]
            for name in names
            if flat[0].get(name) != flat[1].get(name)
        },
        "networks": {
            name: _difference(_test(first, name), _test(second, name), seed)
            for name in (*NOTEBOOK_OF, ENSEMBLE)
        },
    }


def in_tables(found: dict[str, Any]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Settings that differ and errors, in words.

    Args:
        found: see `compare_runs`.
    """
    first, second = _titles(found["runs"])
    settings = pd.DataFrame(
        [
            {"setting": name, first: _word(values[0]), second: _word(values[1])}
            for name, values in found["settings"].items()
        ],
        columns=["setting", first, second],
    )
    errors = pd.DataFrame(
        [
            {
                "network": title_of(name),
                first: f"{row['mae_months'][0]:.2f}",
                second: f"{row['mae_months'][1]:.2f}",
                "difference": signed(row["difference_months"], 2)
                if row["difference_months_ci"] is None
                else with_interval(row, "difference_months", 2).replace("-", "\N{MINUS SIGN}"),
                "test radiographs": "the same" if row["paired"] else "others",
            }
            for name, row in found["networks"].items()
        ]
    )
    return settings, errors


def comparison_page(first: Run, second: Run, found: dict[str, Any]) -> str:
    """One HTML file that needs no other: both tables, and the loss curves over each other."""
    settings, errors = (_table(table) for table in in_tables(found))
    names = [html.escape(name) for name in _titles(found["runs"])]
    pictures = "\n".join(
        f"<figure><figcaption>{title_of(network)}: validation loss by epoch</figcaption>"
        f"{svg_text(_overlaid(network, first, second))}</figure>"
        for network in NOTEBOOK_OF
    )
    return PAGE.format(
        title=f"{names[0]} and {names[1]}",
        data="".join(
            f"<li>{name}: {html.escape(line)}</li>"
            for name, line in zip(names, found["data"], strict=True)
        ),
        settings=settings if found["settings"] else "<p>No setting differs.</p>",
        errors=errors,
        pictures=pictures,
    )


def write_comparison_page(first: Run, second: Run, found: dict[str, Any], file: Path) -> None:
    """Write `comparison_page` whole or not at all; its folder is made where missing."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(file) as partial:
        partial.write_text(comparison_page(first, second, found))


def _facts(run: Run, measured: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Everything that may differ between two runs, by a name for people."""
    settings = yaml.safe_load(run.parameters_file.read_text())
    settings["cohort"].pop("folder", None)
    yield from _flat("", {key: settings[key] for key in ("cohort", "weights")})
    for network, own in measured["settings"].items():
        yield from _flat(f"{network}.", own)
    yield "data checksum", measured["data"]["cohort"]
    for network, checksum in measured["bases"].items():
        yield f"{network}.base", checksum["sha256"] or checksum["kind"]
    if run.provenance_file.is_file():
        made = json.loads(run.provenance_file.read_text())
        yield "commit", made["commit"]
        yield "processor", made["processor"]
        yield from _flat("versions.", {"python": made["python"], **made["versions"]})


def _flat(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(f"{prefix}{key}.", value)
        else:
            yield f"{prefix}{key}", value


def _test(run: Run, network: str) -> pd.DataFrame:
    table = run.read_table(f"predictions/{network}.csv", "08_ensemble_analysis")
    return table[table["split"] == "test"].reset_index(drop=True)


def _difference(first: pd.DataFrame, second: pd.DataFrame, seed: int) -> dict[str, Any]:
    labels = ["id", "female", "boneage_months"]
    known = [table[labels].sort_values("id").reset_index(drop=True) for table in (first, second)]
    errors = [
        (table["predicted_months"] - table["boneage_months"]).abs().to_numpy()
        for table in (first, second)
    ]
    maes = [float(own.mean()) for own in errors]
    if paired := known[0].equals(known[1]):
        less = paired_difference(second, first, seed)
        difference, interval = less["difference_months"], less["difference_months_ci"]
    else:
        found = stats.bootstrap(
            errors,
            lambda a, b, axis: b.mean(axis=axis) - a.mean(axis=axis),
            n_resamples=RESAMPLES,
            rng=np.random.default_rng(seed),
        )
        difference, interval = maes[1] - maes[0], list(map(float, found.confidence_interval))
    return {
        "mae_months": maes,
        "difference_months": difference,
        "difference_months_ci": interval,
        "paired": paired,
    }


def _titles(names: list[str]) -> tuple[str, str]:
    """Names that differ, also of two runs in folders of one name."""
    first, second = names
    return (first, second) if first != second else (f"{first} (first)", f"{second} (second)")


def _word(value: Any) -> str:
    return "—" if value is None else str(value)


def _table(table: pd.DataFrame) -> str:
    return table.to_html(index=False, border=0, escape=True)


def _overlaid(network: str, first: Run, second: Run) -> Figure:
    histories = {
        name: run.read_table(f"histories/{network}.csv", NOTEBOOK_OF[network])
        for name, run in zip(_titles([first.name, second.name]), (first, second), strict=True)
    }
    return figures.overlaid_losses(histories)


PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1rem/1.5 system-ui, sans-serif; }}
body {{ max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ padding: 0.25rem 0.75rem; text-align: start; border-bottom: 1px solid #8888; }}
figure {{ margin: 1rem 0; }}
svg {{ width: 100%; height: auto; max-width: 40rem; background: white; }}
</style>
<main>
<h1>{title}</h1>
<ul>{data}</ul>
<h2>Errors</h2>
<p>Mean absolute error on test, months; the difference is the second less the first, with its 95 %
bootstrap interval, paired where both runs have the same test radiographs.</p>
<div class="wide">{errors}</div>
<h2>Settings that differ</h2>
<div class="wide">{settings}</div>
<h2>Losses</h2>
{pictures}
</main>
</html>
"""
