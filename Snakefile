# The pipeline of one run. `boneage run PROFILE` writes the run's parameters.yaml and starts it with
# the run's folder as working directory; a step runs again when its settings, its notebook's text,
# a library file it uses or an earlier result changed.

import json
from pathlib import Path

from boneage_lib.report.dependencies import library_files
from boneage_lib.report.jobs import NETWORK_OF, PATCH_STUDY, job_names, trains_only_a_head
from boneage_lib.report.profile import NOTEBOOKS

ROOT = Path(workflow.basedir)
COHORT = "cohort/cohort.json"
RESULTS = {
    **{notebook: f"results/{network}.json" for notebook, network in NETWORK_OF.items()},
    "01_data_inspection": "results/table_1.csv",
    "02_resampling": "results/resampling.json",
    "07_patch_size_study": "results/patch_size_study.csv",
    "08_ensemble_analysis": "results/metrics.json",
    "09_claims": "results/claims.json",
}
# The study of real radiographs that stands beside every run's own numbers, once it is kept.
STUDY = [str(file) for file in [ROOT / "results" / "rsna-500px" / "metrics.json"] if file.is_file()]
# How fast the networks are, once measured.
SPEED = [str(file) for file in [ROOT / "results" / "benchmarks" / "training.json"] if file.is_file()]
NEEDS = {
    **{notebook: [COHORT, *STUDY] for notebook in NETWORK_OF},
    "10_real_radiographs": sorted(str(file) for file in (ROOT / "results").rglob("*.*")),
    # The attention network looks at the same feature maps as Xception's.
    "05_xception_attention": [COHORT, RESULTS["04_xception"], *STUDY],
    "08_ensemble_analysis": [COHORT] + [RESULTS[notebook] for notebook in NETWORK_OF],
    "09_claims": [RESULTS["08_ensemble_analysis"], RESULTS["07_patch_size_study"], *SPEED],
}
# How the run is spread: these say where work is done, and never what comes of it.
SPREAD, PARTS, GPUS = (config["jobs"][key] for key in ("spread", "parts", "gpus"))
CORES = config["jobs"]["cores"]
# On larger radiographs one base keeps all cores busy, and two side by side would take more than
# 4 GiB. A head is small: as many as there are cores train side by side.
THREADS = 1 if config["cohort"]["size"] <= 300 and not SPREAD else CORES
JOBS = job_names(config, PARTS) if SPREAD else {}


def library(module):
    return [str(file) for file in library_files(ROOT / "boneage_lib" / module, ROOT)]


rule all:
    input:
        "html/index.html",


rule cohort:
    input:
        library("data/phantom_cohort.py" if config["cohort"]["source"] == "phantom" else "data/rsna.py"),
    output:
        COHORT,
    params:
        cohort=json.dumps(config["cohort"], sort_keys=True),
    shell:
        "boneage step cohort --folder ."


# What a notebook trains with; a change to one notebook's settings leaves the others' jobs alone.
def settings(notebook):
    own = config["notebooks"][notebook]
    return json.dumps({"weights": config["weights"], **own}, sort_keys=True)


for name, needed in JOBS.items():

    rule:
        name:
            name
        input:
            library("report/jobs.py"),
            COHORT,
            [f"jobs/{job}.json" for job in needed],
        output:
            f"jobs/{name}.json",
        params:
            settings=settings(name.split(".")[0]) if "." in name else "",
            job=name,
        priority: 10 if ".features." in name else 0
        threads: 1 if trains_only_a_head(name) else CORES
        resources:
            gpu=1 if GPUS and "." in name else 0,
        shell:
            "boneage step {params.job} --folder . --threads {threads}"


for notebook in NOTEBOOKS:

    rule:
        name:
            notebook
        input:
            ROOT / "notebooks" / f"{notebook}.py",
            [str(file) for file in library_files(ROOT / "notebooks" / f"{notebook}.py", ROOT)],
            NEEDS.get(notebook, [COHORT]),
            [f"jobs/{job}.json" for job in JOBS if job.startswith(f"{notebook}.")],
        output:
            [f"notebooks/{notebook}.ipynb"] + ([RESULTS[notebook]] if notebook in RESULTS else []),
        params:
            settings=settings(notebook),
            notebook=notebook,
        threads: THREADS if notebook in NETWORK_OF or notebook == PATCH_STUDY else 1
        resources:
            gpu=1 if GPUS and (notebook in NETWORK_OF or notebook == PATCH_STUDY) else 0,
        shell:
            "boneage step {params.notebook} --folder ."


rule book:
    input:
        [f"notebooks/{notebook}.ipynb" for notebook in NOTEBOOKS],
        # Every page but the one that each run writes for itself.
        [str(file) for file in sorted((ROOT / "book").rglob("*.*")) if file.stem != "this_run"],
        str(ROOT / "_config.yml"),
        str(ROOT / "_toc.yml"),
        library("report/book.py"),
    output:
        "html/index.html",
    shell:
        "boneage step book --folder ."
