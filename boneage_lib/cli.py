"""The command ``boneage``."""

from __future__ import annotations

import json
import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer
import yaml
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from boneage_lib.errors import InputError, printable

app = typer.Typer(
    help="Bone age networks of Monti and Tonazzo, as a reproducible paper.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
console = Console(stderr=True)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )


@app.command()
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

    with _progress() as bar:
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


@app.command()
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

    with _progress() as bar:
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


@app.command()
def run(
    profile: Annotated[str, typer.Argument(help="A profile's name, or a .yaml file.")],
    source: Annotated[Path | None, typer.Option(help="Real radiographs: folder or zip.")] = None,
    weights: Annotated[
        str | None, typer.Option(help="imagenet, random, or a folder with Keras' notop weights.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The run's folder; runs/PROFILE.")] = None,
    parameter: Annotated[
        list[str] | None, typer.Option("-p", help="KEY=VALUE; NOTEBOOK.KEY or cohort.KEY for one.")
    ] = None,
    cores: Annotated[
        int, typer.Option(help="Processor cores to use; of one job with --executor.")
    ] = os.cpu_count() or 1,
    executor: Annotated[
        str | None, typer.Option(help="A Snakemake executor plugin, such as slurm.")
    ] = None,
    spread: Annotated[
        bool | None,
        typer.Option(
            "--spread/--no-spread",
            help="Make each bank, seed and patch setting a job of its own; by default with several "
            "seeds or GPUs, or an executor.",
        ),
    ] = None,
    parts: Annotated[
        int | None, typer.Option(help="Jobs that fill each bank of features together.")
    ] = None,
    gpus: Annotated[
        int | None, typer.Option(help="GPUs to spread jobs over; by default this machine's.")
    ] = None,
) -> None:
    """The pipeline: only what changed runs again; executed notebooks, results and the HTML book."""
    from boneage_lib.report.executors import executor_arguments
    from boneage_lib.report.pipeline import settle, spread_out, start
    from boneage_lib.report.run import Run, shown

    settings = settle(profile, source, weights, parameter or [])
    jobs = spread_out(settings, cores, executor, spread, parts, gpus)
    folder = Run(out.resolve() if out else Path("runs") / settings["profile"])
    extra = executor_arguments(executor, folder.folder, cores)
    code = start(folder, settings, jobs, extra)
    if code:
        raise InputError("The run stopped; the messages above name the notebook, cell and cause.")
    print(shown(folder.html / "index.html"))


@app.command()
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


@app.command()
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
    with _progress() as bar:
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


@app.command()
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


@app.command()
def pdf(
    folder: Annotated[Path, typer.Argument(help="A run's folder.")] = Path("runs/demo"),
    out: Annotated[
        Path | None, typer.Option(help="The file; by default book.pdf in the run's folder.")
    ] = None,
) -> None:
    """The whole book of a run as one PDF."""
    from boneage_lib.report.pdf import write_pdf
    from boneage_lib.report.run import Run, shown

    found = Run(folder.resolve())
    print(shown(write_pdf(found, out or found.folder / "book.pdf")))


@app.command()
def publish(
    folder: Annotated[Path, typer.Argument(help="A run's folder.")] = Path("runs/demo"),
    study: Annotated[
        str | None, typer.Option(help="Keep the run's numbers as results/STUDY instead.")
    ] = None,
) -> None:
    """Put a run into the checkout: the demo's executed notebooks, or a study's numbers."""
    from boneage_lib.report import keep_study
    from boneage_lib.report.publish import publish_notebooks
    from boneage_lib.report.run import Run, shown

    found = Run(folder.resolve())
    for path in [keep_study(found, study)] if study else publish_notebooks(found):
        print(shown(path))


@app.command(hidden=True)
def step(
    name: Annotated[str, typer.Argument(help="cohort, book, a notebook, or a job of `jobs`.")],
    folder: Annotated[Path, typer.Option(help="The run's folder.")],
    threads: Annotated[int | None, typer.Option(help="Threads of the head's training.")] = None,
    gpu: Annotated[bool, typer.Option("--gpu", help="Take one GPU, where there are any.")] = False,
) -> None:
    """One step of a run, as the pipeline calls it."""
    from boneage_lib.report.devices import one_gpu
    from boneage_lib.report.guard import end_with_owner
    from boneage_lib.report.run import Run
    from boneage_lib.report.steps import do_step, end_step

    end_with_owner()
    found = Run(folder.resolve())
    settings = yaml.safe_load(found.parameters_file.read_text())
    if threads == 1:  # read by the backend when it is loaded
        os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    with one_gpu() if gpu else nullcontext():
        if name == "cohort":
            _make_cohort(found.cohort_folder, settings["cohort"])
            end_step(found, name)
        else:
            if name != "book":
                console.print(f"{name} …", highlight=False)
            do_step(found, settings, name)


def _make_cohort(out: Path, cohort: dict[str, object]) -> None:
    """Make a run's own cohort; one of other settings gives way once the new one is whole."""
    if cohort["source"] == "rsna":
        folder, size, seed = (
            Path(str(cohort["folder"])),
            int(str(cohort["size"])),
            int(str(cohort["seed"])),
        )
        validation, test = (float(str(cohort[key])) for key in ("validation_share", "test_share"))
        prepare(folder, out, size, seed, replace=True, validation_share=validation, test_share=test)
    else:
        n, size, seed = (int(str(cohort[key])) for key in ("n", "size", "seed"))
        variation, noise = (float(str(cohort[key])) for key in ("variation", "maturity_noise"))
        phantom(out, n, size, seed, variation, noise, replace=True)


def main() -> None:
    """Run the command; bad input ends with its message and exit code 2."""
    try:
        app()
    except InputError as error:
        # Messages quote what was found in files: line by line, nothing in it steers the terminal.
        message = "\n".join(printable(line.expandtabs()) for line in str(error).splitlines())
        console.print(f"[red]boneage:[/red] {escape(message)}", highlight=False, soft_wrap=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
