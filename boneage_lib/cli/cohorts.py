"""Commands that make cohorts: `prepare`, `phantom`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from boneage_lib.cli.shared import progress


def prepare(
    source: Annotated[Path, typer.Argument(help="Folder or zip with RSNA 2017 radiographs.")],
    out: Annotated[Path, typer.Option(help="Folder of the new cohort.")],
    size: Annotated[int, typer.Option(help="Side of the square radiographs, pixels.")] = 500,
    seed: Annotated[int, typer.Option(help="Seed of the split, where none is official.")] = 0,
    max_missing: Annotated[
        float, typer.Option(help="Largest share of labels without a readable radiograph.")
    ] = 0.05,
    replace: Annotated[
        bool, typer.Option("--replace", help="Put it in the place of a cohort of other data.")
    ] = False,
    validation_share: Annotated[
        float, typer.Option(help="Of the radiographs, for validation, where none is official.")
    ] = 0.1,
    test_share: Annotated[
        float, typer.Option(help="Of the radiographs, for the test, where none is official.")
    ] = 0.2,
) -> None:
    """Real radiographs, as RSNA or Kaggle distributes them, to a cohort."""
    from boneage_lib.data import prepare as prepare_cohort
    from boneage_lib.data import report

    with progress() as bar:
        task = bar.add_task("Reading radiographs", total=None)
        cohort = prepare_cohort(
            source,
            out,
            size,
            seed,
            max_missing,
            lambda done, total: bar.update(task, completed=done, total=total),
            replace,
            validation_share,
            test_share,
        )
    print(report(cohort))


def phantom(
    out: Annotated[Path, typer.Option(help="Folder of the new cohort.")],
    n: Annotated[int, typer.Option(help="Number of radiographs.")] = 300,
    size: Annotated[int, typer.Option(help="Side of the square radiographs, pixels.")] = 500,
    seed: Annotated[int, typer.Option(help="Seed of ages, hands and exposures.")] = 0,
    variation: Annotated[
        float, typer.Option(help="How much exposures vary: 0 alike, 1 as in RSNA's radiographs.")
    ] = 1.0,
    maturity_noise: Annotated[
        float, typer.Option(help="How far maturity strays from bone age, months (std).")
    ] = 6.0,
    replace: Annotated[
        bool, typer.Option("--replace", help="Put it in the place of a cohort of other settings.")
    ] = False,
) -> None:
    """Synthetic hand radiographs to a cohort."""
    from boneage_lib.data import write_phantoms

    with progress() as bar:
        task = bar.add_task("Drawing radiographs", total=n)
        cohort = write_phantoms(
            out,
            n,
            size,
            seed,
            lambda done, total: bar.update(task, completed=done, total=total),
            maturity_noise,
            variation,
            replace,
        )
    print(f"{len(cohort):,} synthetic radiographs of {cohort.size} px in {out}")
