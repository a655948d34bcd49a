# The pipeline of one run. `boneage run PROFILE` writes the run's parameters.yaml and starts it with
# the run's folder as working directory; a step runs again when its settings, its notebook's text,
# a library file it uses or an earlier result changed.

import json
from pathlib import Path

from boneage_lib.report.dependencies import digest_of_files, library_files
from boneage_lib.report.done import COHORT, RESULTS, STEPS, made_by, mark
from boneage_lib.report.jobs import job_names, keeps_all_cores_busy, trains_only_a_head, urgency
from boneage_lib.report.plan import BEYOND, NETWORK_OF, PATCH_STUDY
from boneage_lib.report.profile import NOTEBOOKS

ROOT = Path(workflow.basedir)
MARK = {step: [mark(file) for file in made_by(step)] for step in STEPS}
COHORT = mark(COHORT)
RESULTS = {notebook: mark(file) for notebook, file in RESULTS.items()}
# The study of real radiographs that stands beside every run's own numbers, once it is kept.
STUDY = [str(file) for file in [ROOT / "results" / "rsna-500px" / "metrics.json"] if file.is_file()]
# What a kept study found beyond the paper.
FURTHER = sorted(
    str(file)
    for name in ("beyond", "data_size")
    for file in (ROOT / "results").glob(f"*/{name}.json")
)
# How fast the networks are, once measured.
SPEED = [str(file) for file in [ROOT / "results" / "benchmarks" / "training.json"] if file.is_file()]
NEEDS = {
    **{notebook: [COHORT, *STUDY] for notebook in NETWORK_OF},
    "10_real_radiographs": sorted(str(file) for file in (ROOT / "results").rglob("*.*")),
    BEYOND: [COHORT, *FURTHER],
    # The attention network looks at the same feature maps as Xception's.
    "05_xception_attention": [COHORT, RESULTS["04_xception"], *STUDY],
    "08_ensemble_analysis": [COHORT] + [RESULTS[notebook] for notebook in NETWORK_OF],
    "09_claims": [RESULTS["08_ensemble_analysis"], RESULTS["07_patch_size_study"], *SPEED],
}
# How the run is spread: these say where work is done, and never what comes of it.
SPREAD, PARTS, GPUS, AT_ONCE = (
    config["jobs"][key] for key in ("spread", "parts", "gpus", "at_once")
)
CORES = config["jobs"]["cores"]
# A head is small: as many as there are cores train side by side. What goes back and forth between a
# base and work on one core (banks, figures, bootstraps) shares the cores with another such step;
# where base and head are one, they take all.
# GPUs share the cores out among their jobs, or one job would keep the other GPUs waiting.
BASE_THREADS = max(1, CORES // GPUS) if GPUS else CORES
MIXED_THREADS = max(1, BASE_THREADS // AT_ONCE)
THREADS = 1 if config["cohort"]["size"] <= 300 and not SPREAD else MIXED_THREADS


# How many cores a job counts for; it may still use all, when nobody else does.
def threads_of(job):
    if trains_only_a_head(job, config):
        return 1
    return BASE_THREADS if keeps_all_cores_busy(job, config) else MIXED_THREADS
JOBS = job_names(config, PARTS) if SPREAD else {}
TRAINING = [*NETWORK_OF, PATCH_STUDY]
# Trains whole networks, where it trains at all, and takes every core.
CLIMBS = config["notebooks"][BEYOND].get("rungs", "none") != "none"
TRAINS = [*TRAINING, *([BEYOND] if CLIMBS else [])]


def library(module):
    return [str(file) for file in library_files(ROOT / "boneage_lib" / module, ROOT)]


# A clock that was set back makes a changed file look older than what was made from it: what is in
# the files decides, too.
def text(*files):
    return digest_of_files([Path(file) for file in files])


# Every mark by name: what is missing on the way to a book that is there would not be made again.
rule all:
    input:
        [mark for marks in MARK.values() for mark in marks],


PREPARING = library(
    "data/phantom_cohort.py" if config["cohort"]["source"] == "phantom" else "data/rsna.py"
)


rule cohort:
    input:
        PREPARING,
    output:
        MARK["cohort"],
    params:
        cohort=json.dumps(config["cohort"], sort_keys=True),
        text=text(*PREPARING),
    shell:
        "boneage step cohort --folder ."


# What notebooks train with; a change to one notebook's settings leaves the others' jobs alone.
def settings(*notebooks):
    shared = {name: config[name] for name in ("weights", "weights_sha256")}
    own = {notebook: config["notebooks"][notebook] for notebook in notebooks}
    return json.dumps({**shared, **own}, sort_keys=True)


JOB_FILES = library("report/jobs.py")


# Made for its own sake, before everything else: no work is done again because the check was.
rule check:
    input:
        JOB_FILES,
        COHORT,
    output:
        "jobs/check.json",
    params:
        settings=settings(*TRAINING, BEYOND),
        text=text(*JOB_FILES),
    threads: BASE_THREADS
    resources:
        gpu=1 if GPUS else 0,
    shell:
        "boneage step check --folder . --threads {threads} --gpu"


for name, needed in JOBS.items():

    rule:
        name:
            name
        input:
            JOB_FILES,
            COHORT,
            [f"jobs/{job}.json" for job in needed],
        output:
            f"jobs/{name}.json",
        params:
            settings=settings(name.split(".")[0]),
            text=text(*JOB_FILES),
            job=name,
            threads=1 if trains_only_a_head(name, config) else BASE_THREADS,
        priority: urgency(name)
        threads: threads_of(name)
        resources:
            gpu=1 if GPUS else 0,
        shell:
            "boneage step {params.job} --folder . --threads {params.threads} --gpu"


def threads_in(notebook):
    if notebook == BEYOND and CLIMBS:
        return BASE_THREADS
    return THREADS if notebook in TRAINING else 1


for notebook in NOTEBOOKS:

    source = ROOT / "notebooks" / f"{notebook}.py"
    used = [str(file) for file in [source, *library_files(source, ROOT)]]

    rule:
        name:
            notebook
        input:
            used,
            NEEDS.get(notebook, [COHORT]),
            [f"jobs/{job}.json" for job in JOBS if job.startswith(f"{notebook}.")],
        output:
            MARK[notebook],
        params:
            settings=settings(notebook),
            text=text(*used),
            notebook=notebook,
            gpu="--gpu" if notebook in TRAINS else "",
        priority: urgency(notebook) if notebook in TRAINS else 0
        threads: threads_in(notebook)
        resources:
            gpu=1 if GPUS and notebook in TRAINS else 0,
        shell:
            "boneage step {params.notebook} --folder . {params.gpu}"


PAGES = [
    # Every page but those that each run writes for itself.
    *(
        str(file)
        for file in sorted((ROOT / "book").rglob("*.*"))
        if file.stem not in ("this_run", "verdicts")
    ),
    str(ROOT / "_config.yml"),
    str(ROOT / "_toc.yml"),
    *library("report/book.py"),
]


rule book:
    input:
        [mark(f"notebooks/{notebook}.ipynb") for notebook in NOTEBOOKS],
        PAGES,
    output:
        MARK["book"],
    params:
        text=text(*PAGES),
    shell:
        "boneage step book --folder ."
