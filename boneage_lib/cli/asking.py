"""Commands that answer from tables, networks and runs: `evaluate`, `predict`, `compare`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from boneage_lib.cli.shared import progress
from boneage_lib.errors import InputError


def evaluate(
    predictions: Annotated[
        Path, typer.Argument(help="CSV: id, boneage_months, predicted_months[, female].")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    figures: Annotated[
        Path | None, typer.Option(help="Folder for figures, SVG and PNG; made where missing.")
    ] = None,
    infants: Annotated[
        bool, typer.Option("--infants", help="Ages of 20 and less are months, not years.")
    ] = False,
    split: Annotated[
        str | None,
        typer.Option(
            help="Rows with this value in the column split, or all; test where it holds several."
        ),
    ] = None,
) -> None:
    """Errors, agreement and intervals of any system's prediction table, by sex and age."""
    from boneage_lib.evaluation import (
        calibration,
        evaluate_by_group,
        of_split,
        read_predictions,
        summary,
    )
    from boneage_lib.evaluation import evaluate as evaluate_table
    from boneage_lib.evaluation.predictions import normalizer_of

    everything = read_predictions(predictions, infants)
    try:
        table, used = of_split(everything, split)
    except InputError as error:
        raise InputError(f"{predictions}: {error}") from None
    normalizer = normalizer_of(table)
    scores = evaluate_table(table, normalizer, infants=infants)
    groups = evaluate_by_group(table, normalizer=normalizer, infants=infants)
    calibrated = calibration(table, infants=infants)
    drawn: list[Path] = []
    if figures:
        from boneage_lib.report.evaluation_figures import write_evaluation_figures

        drawn = write_evaluation_figures(table, predictions.stem, figures)
    if as_json:
        more = {"groups": groups, "calibration": json.loads(calibrated.to_json(orient="records"))}
        files = {"figures": [str(path) for path in drawn]} if drawn else {}
        rows = {"split": used, "n_left_out": len(everything) - len(table)}
        print(json.dumps({**rows, **scores, **more, **files}, indent=1, allow_nan=False))
        return
    name = predictions.name if used is None else f"{predictions.name}, split {used}"
    print(summary(name, scores, groups, calibrated))
    if left_out := len(everything) - len(table):
        print(f"\nLeft out: {left_out:,} rows of other splits; --split chooses.")
    if drawn:
        print("\n".join(["", "Figures:", *(f"  {path}" for path in drawn)]))


def predict(
    folder: Annotated[Path, typer.Argument(help="A run's folder, with its trained networks.")],
    files: Annotated[
        list[Path], typer.Argument(help="Radiographs (PNG, DICOM, JPEG, TIFF), or folders of them.")
    ],
    sex: Annotated[
        str | None,
        typer.Option(help="Of all of them: female, male or unknown. There is no default."),
    ] = None,
    sexes: Annotated[
        Path | None, typer.Option(help="CSV instead, with the columns file and sex.")
    ] = None,
    network: Annotated[
        str, typer.Option(help="One of the four, or ensemble: the average by the printed weights.")
    ] = "ensemble",
    coverage: Annotated[float, typer.Option(help="Of the intervals, above 0 and below 1.")] = 0.9,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    csv: Annotated[Path | None, typer.Option(help="Write the answers to this file, too.")] = None,
    saliency: Annotated[
        Path | None, typer.Option(help="Folder for pictures of where the network looks.")
    ] = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Give an age for strange pictures, too.")
    ] = False,
) -> None:
    """Bone ages of new radiographs with intervals; for research, never for a diagnosis."""
    from boneage_lib.data.whole_files import written_whole
    from boneage_lib.report.answered import answers_as_json, answers_as_table, told
    from boneage_lib.report.asked import pictures
    from boneage_lib.report.predicting import predict as answer
    from boneage_lib.report.run import Run
    from boneage_lib.report.saliency_pictures import Overlays
    from boneage_lib.report.systems import open_system

    asked = pictures(files, sex, sexes)
    with progress() as bar:
        looking = bar.add_task("Looking at what the run knows", total=None, visible=False)
        system = open_system(
            Run(folder.resolve()),
            network,
            coverage,
            lambda done, total: bar.update(looking, completed=done, total=total, visible=True),
        )
        bar.remove_task(looking)
        task = bar.add_task("Reading hands", total=len(asked))
        overlays = Overlays(system.readers[system.judge], saliency) if saliency else None
        records = list(
            answer(
                system,
                asked,
                anyway,
                lambda done, total: bar.update(task, completed=done, total=total),
                overlays.draw if overlays else None,
            )
        )
    if csv:
        with written_whole(csv) as partial:
            answers_as_table(records).to_csv(partial, index=False)
    print(answers_as_json(records) if as_json else told(records))
    if unread := sum(record["error"] is not None for record in records):
        raise InputError(f"{unread:,} of {len(records):,} files could not be read; see error.")


def compare(
    first: Annotated[Path, typer.Argument(help="A run's folder.")],
    second: Annotated[Path, typer.Argument(help="Another one.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    page: Annotated[
        Path | None, typer.Option(help="Write a page with both tables and the loss curves.")
    ] = None,
) -> None:
    """Settings and results of two runs side by side."""
    from boneage_lib.report.compare import compare_runs, in_tables, write_comparison_page
    from boneage_lib.report.run import Run

    runs = Run(first.resolve()), Run(second.resolve())
    found = compare_runs(*runs)
    if page:
        write_comparison_page(*runs, found, page)
    if as_json:
        print(json.dumps(found, indent=1, allow_nan=False))
        return
    settings, errors = in_tables(found)
    print("Mean absolute error on test, months, and the second less the first (95 % interval)")
    print(errors.to_string(index=False))
    print()
    print(
        "Settings that differ\n" + settings.to_string(index=False)
        if len(settings)
        else "No setting differs."
    )
