# The pipeline of one run. `boneage run PROFILE` writes the run's parameters.yaml and starts it with
# the run's folder as working directory; a step runs again when its settings, its notebook's text,
# a library file it uses or an earlier result changed.

import json
from pathlib import Path

from boneage_lib.report.dependencies import library_files
from boneage_lib.report.profile import NOTEBOOKS

ROOT = Path(workflow.basedir)
COHORT = "cohort/cohort.json"
NETWORKS = {
    "03_inception_v3": "inception_v3",
    "04_xception": "xception",
    "05_xception_attention": "xception_attention",
    "06_resnet50_patches": "resnet50_patches",
}
RESULTS = {
    **{notebook: f"results/{network}.json" for notebook, network in NETWORKS.items()},
    "01_data_inspection": "results/table_1.csv",
    "02_resampling": "results/resampling.json",
    "07_patch_size_study": "results/patch_size_study.csv",
    "08_ensemble_analysis": "results/metrics.json",
    "09_claims": "results/claims.json",
}
# The study of real radiographs that stands beside every run's own numbers, once it is kept.
STUDY = [str(file) for file in [ROOT / "results" / "rsna-500px" / "metrics.json"] if file.is_file()]
NEEDS = {
    **{notebook: [COHORT, *STUDY] for notebook in NETWORKS},
    "10_real_radiographs": sorted(str(file) for file in (ROOT / "results").rglob("*.*")),
    # The attention network looks at the same feature maps as Xception's.
    "05_xception_attention": [COHORT, RESULTS["04_xception"], *STUDY],
    "08_ensemble_analysis": [COHORT] + [RESULTS[notebook] for notebook in NETWORKS],
    "09_claims": [RESULTS["08_ensemble_analysis"], RESULTS["07_patch_size_study"]],
}
# Two networks at 500 px side by side would take more than 4 GiB.
THREADS = 1 if config["cohort"]["size"] <= 300 else workflow.cores


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


for notebook in NOTEBOOKS:

    rule:
        name:
            notebook
        input:
            ROOT / "notebooks" / f"{notebook}.py",
            [str(file) for file in library_files(ROOT / "notebooks" / f"{notebook}.py", ROOT)],
            NEEDS.get(notebook, [COHORT]),
        output:
            [f"notebooks/{notebook}.ipynb"] + ([RESULTS[notebook]] if notebook in RESULTS else []),
        params:
            settings=json.dumps(
                {"weights": config["weights"], **config["notebooks"][notebook]}, sort_keys=True
            ),
            notebook=notebook,
        threads: THREADS if notebook in NETWORKS or notebook.startswith("07") else 1
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
