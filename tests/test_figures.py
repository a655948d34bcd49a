"""Figures: what is drawn is what was given, under labels with units, the same every time."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from boneage_lib.data import AgeNormalizer, resample_uniformly
from boneage_lib.data.histogram import draw_labels, load_histogram
from boneage_lib.errors import InputError
from boneage_lib.evaluation import evaluate, patch_averages
from boneage_lib.networks import NETWORKS, build
from boneage_lib.paper import published
from boneage_lib.report import figures, theme
from boneage_lib.report.diagrams import LayerNode, architecture_diagram, describe_layers

LABELS = pd.DataFrame({"female": [0, 1, 1, 0], "boneage_months": [13.0, 66.0, 120.0, 191.4]})
NAMES = tuple(NETWORKS)


def images(n: int = 4, size: int = 40) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, size, size)).astype("uint8")


def prediction_table(error_months: float, seed: int = 0) -> pd.DataFrame:
    labels = draw_labels(160, seed=1).query("split == 'test'").reset_index(drop=True)
    noise = np.random.default_rng(seed).normal(0, error_months, len(labels))
    return labels.assign(predicted_months=labels["boneage_months"] + noise)


def training_history(epochs: int = 7, kept: int = 5) -> pd.DataFrame:
    epoch = np.arange(1, epochs + 1)
    return pd.DataFrame(
        {
            "epoch": epoch,
            "loss": 1 / epoch,
            "val_loss": 1.2 / epoch,
            "mae_months": 40 / epoch,
            "val_mae_months": 44 / epoch,
            "learning_rate": np.where(epoch > epochs - 2, 5e-4, 1e-3),
            "kept": epoch == kept,
        }
    )


def texts(figure: Figure) -> list[str]:
    found = figure.findobj(lambda artist: isinstance(artist, Text) and artist.get_visible())
    return [text.get_text() for text in found if isinstance(text, Text)]


def curve(axes: Axes, label: str) -> tuple[list[float], list[float]]:
    (line,) = [line for line in axes.lines if line.get_label() == label]
    return list(np.asarray(line.get_xdata())), list(np.asarray(line.get_ydata()))


def test_radiographs_show_pixels_age_and_sex() -> None:
    figure = figures.radiographs(images()[:2], LABELS[:2])
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "1 year 1 month, male",
        "5 years 6 months, female",
    ]
    np.testing.assert_array_equal(figure.axes[1].images[0].get_array(), images()[1])
    assert figure.axes[0].get_xlim() == (0, 40)
    assert figure.axes[0].get_ylim() == (40, 0)  # row 0 on top
    assert {"Column (pixels)", "Row (pixels)"} <= set(texts(figure))


def test_radiographs_take_other_titles() -> None:
    figure = figures.radiographs(images()[:1], LABELS[:1], titles=["left hand"])
    assert figure.axes[0].get_title(loc="left") == "left hand"


def test_thumbnails_caption_every_image() -> None:
    figure = figures.thumbnails(images(), LABELS, columns=3)
    captions = [axes.get_xlabel() for axes in figure.axes]
    assert captions == ["1 y 1 m, M", "5 y 6 m, F", "10 y 0 m, F", "15 y 11 m, M"]


def test_augmented_views_come_after_the_original() -> None:
    figure = figures.augmented_views(images()[0], images()[1:])
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "Original",
        "View 1",
        "View 2",
        "View 3",
    ]
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), images()[0])


@pytest.mark.parametrize(("count", "shown"), [(1, 1), (3, 3), (5, 5), (36, 6)])
def test_patches_are_outlined_where_they_lie(count: int, shown: int) -> None:
    corners = np.random.default_rng(0).integers(0, 30, (count, 2))
    figure = figures.patches_on_radiograph(images()[0], corners, 10)
    whole, *patches = figure.axes
    outlines = [(box.get_y(), box.get_x()) for box in whole.patches]  # type: ignore[attr-defined]
    assert outlines == [tuple(corner) for corner in corners]
    assert len(patches) == shown
    top, left = corners[0]
    np.testing.assert_array_equal(
        patches[0].images[0].get_array(), images()[0][top : top + 10, left : left + 10]
    )


def test_histograms_are_the_same_from_counts_and_from_labels() -> None:
    counts = load_histogram().query("split == 'test'")
    rows = counts.loc[counts.index.repeat(counts["count"])].rename(
        columns={"months": "boneage_months"}
    )[["female", "boneage_months"]]
    figure = figures.age_sex_histograms({"counts": counts, "labels": rows})
    heights = [[bar.get_height() for bar in axes.patches] for axes in figure.axes]  # type: ignore[attr-defined]
    assert heights[0] == heights[2]
    assert heights[1] == heights[3] == [100, 100]
    assert sum(heights[0]) == 200
    assert figure.axes[0].get_title(loc="left") == "Counts: 200 radiographs"
    assert figure.axes[0].get_xlabel() == "Bone age (months)"


def test_resampled_histogram_is_flat() -> None:
    labels = draw_labels(3000, seed=2).query("split == 'train'").reset_index(drop=True)
    drawn = resample_uniformly(
        labels["boneage_months"].to_numpy(), labels["female"].to_numpy(), draws_per_cell=60
    )
    figure = figures.age_sex_histograms({"before": labels, "after": labels.iloc[drawn]})
    after = [bar.get_height() for bar in figure.axes[2].patches]  # type: ignore[attr-defined]
    assert {round(height) for height in after} <= {0, 60}


def test_resampling_counts_add_up() -> None:
    labels = draw_labels(500, seed=3)
    drawn = resample_uniformly(
        labels["boneage_months"].to_numpy(), labels["female"].to_numpy(), draws_per_cell=30
    )
    figure = figures.resampling_counts(drawn, labels)
    how_many, by_age = figure.axes
    assert sum(bar.get_height() for bar in how_many.patches) == 500  # type: ignore[attr-defined]
    used = len(np.unique(drawn))
    assert how_many.get_title(loc="left") == f"{len(drawn):,} draws use {used:,} of 500"
    most = [max(curve(by_age, f"{sex}, most drawn")[1]) for sex in ("male", "female")]
    assert max(most) == np.bincount(drawn).max()


def test_resampling_counts_when_nothing_repeats() -> None:
    figure = figures.resampling_counts(np.arange(4), LABELS)
    assert figure.axes[0].get_title(loc="left") == "4 draws use 4 of 4"


@pytest.mark.parametrize(
    ("which", "label"), [("loss", "Training loss (z²)"), ("val_loss", "Validation loss (z²)")]
)
def test_losses_draw_every_network_in_its_color(which: str, label: str) -> None:
    histories = {name: training_history() for name in NAMES}
    figure = figures.losses(histories, which)  # type: ignore[arg-type]
    (axes,) = figure.axes
    assert axes.get_ylabel() == label
    assert all(tick == int(tick) for tick in axes.get_xticks())
    for name in NAMES:
        epochs, values = curve(axes, theme.TITLES[name])
        assert epochs == list(range(1, 8))
        assert values == training_history()[which].tolist()
    drawn = {line.get_color() for line in axes.lines if line.get_label() in theme.TITLES.values()}
    assert drawn == {theme.COLORS[name] for name in NAMES}
    rings = [line for line in axes.lines if line.get_markersize() == 16]
    assert [list(np.asarray(ring.get_xdata())) for ring in rings] == [[5]] * 4


def test_losses_of_a_single_epoch() -> None:
    figure = figures.losses({"xception": training_history(1, 1)}, "val_loss", log=True)
    assert curve(figure.axes[0], "Xception") == ([1], [1.2])


def test_learning_curves_have_three_panels() -> None:
    figure = figures.learning_curves(training_history(), "xception")
    loss, error, rate = figure.axes
    assert curve(loss, "Validation")[1] == training_history()["val_loss"].tolist()
    assert curve(error, "Training")[1] == training_history()["mae_months"].tolist()
    assert error.get_ylabel().replace("\n", " ") == "Mean absolute error (months)"
    assert rate.get_yscale() == "log"
    assert "0.0005" in texts(figure)


def test_patch_losses_average_over_the_last_steps() -> None:
    step = np.arange(1, 41)
    study = pd.DataFrame({"step": step, "loss": step.astype(float)})
    figure = figures.patch_losses({"3 × 224 px": study, "9 × 128 px": study}, window=3, log=False)
    _, smoothed = curve(figure.axes[0], "3 × 224 px")
    assert smoothed[:4] == [1, 1.5, 2, 3]
    assert len(figure.axes[0].lines) == 4
    assert "Mean of the last 3 steps; faint: single steps" in texts(figure)


def test_patch_validation_keeps_the_order_and_leaves_out_missing_intervals() -> None:
    study = pd.DataFrame(
        {
            "patch_count": [3, 9, 9],
            "patch_size": [224, 128, 128],
            "mae_months": [14.0, 17.0, 18.0],
            "low": [12.0, 15.0, np.nan],
            "high": [16.0, 19.0, np.nan],
        }
    )
    figure = figures.patch_validation(study)
    (axes,) = figure.axes
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["3 × 224 px", "9 × 128 px"]
    assert list(np.asarray(axes.containers[1][0].get_ydata())) == [17, 18]  # type: ignore[index]
    assert axes.get_ylabel() == "Mean absolute error (months)"


def test_patches_at_test_tell_random_draws_from_the_grid() -> None:
    rng = np.random.default_rng(0)
    ages = rng.uniform(20, 200, 30)
    averages = patch_averages(
        ages,
        ages[:, None, None] + rng.normal(0, 9, (30, 2, 9)),
        ages[:, None] + rng.normal(0, 9, (30, 49)),
    )
    (axes,) = figures.patches_at_test(averages).axes
    names = [tick.get_text() for tick in axes.get_xticklabels()]
    assert names == ["1 random", "3 random", "9 random", "7 × 7 grid"]
    means, medians = (container[0] for container in axes.containers)
    of_means = averages.query("combined == 'mean'")["mae_months"]
    assert list(means.get_ydata()) == of_means.tolist()  # type: ignore[union-attr]
    assert list(medians.get_xdata()) == [1.12, 2.12, 3.12]  # type: ignore[union-attr]


def test_train_and_validation_are_joined_for_every_network_and_ensemble() -> None:
    study = pd.DataFrame(
        {
            "name": ["xception", "resnet50_patches", "as_printed"],
            "kind": ["member", "member", "ensemble"],
            "mae_train_months": [10.0, 9.0, 8.0],
            "mae_validation_months": [12.0, 13.0, 11.0],
        }
    )
    (axes,) = figures.train_and_validation(study).axes
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [
        "Xception",
        theme.TITLES["resnet50_patches"],
        "As printed",
    ]
    ends = [np.asarray(line.get_xdata()).tolist() for line in axes.lines]
    joined = [end for end in ends if len(end) == 2]
    assert joined == [[10, 12], [9, 13], [8, 11], [0, 1]], "and a line under the members"
    without = figures.train_and_validation(study.drop(columns="mae_train_months"))
    assert not without.axes[0].lines


@pytest.mark.parametrize("unit", ["z", "months"])
def test_predictions_have_one_panel_a_network(unit: str) -> None:
    tables = {name: prediction_table(10, seed) for seed, name in enumerate((*NAMES, "ensemble"))}
    normalizer = AgeNormalizer(115.0, 60.0)
    figure = figures.predictions(tables, normalizer, unit)  # type: ignore[arg-type]
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        theme.TITLES[name] for name in tables
    ]
    table = tables["xception"]
    points = [np.asarray(dots.get_offsets()) for dots in figure.axes[1].collections]
    expected = table[["boneage_months", "predicted_months"]].to_numpy()
    if unit == "z":
        expected = normalizer.to_z(expected)
    order = np.concatenate([np.flatnonzero(table["female"] == sex) for sex in (1, 0)])
    np.testing.assert_allclose(np.concatenate(points), expected[order])
    error = evaluate(table)["mae_months"]
    assert f"MAE {error:.1f} months" in texts(figure)
    words = "z-score" if unit == "z" else "months"
    assert f"Reference ({words})" in texts(figure)


def test_predictions_far_away_are_counted_not_hidden() -> None:
    table = prediction_table(5)
    table.loc[:2, "predicted_months"] = 1_000.0
    table.loc[3, "predicted_months"] = -1_000.0
    figure = figures.predictions({"xception_attention": table}, unit="months")
    assert {"3 beyond", "1 beyond"} <= set(texts(figure))
    shown = np.concatenate([np.asarray(dots.get_offsets()) for dots in figure.axes[0].collections])
    assert len(shown) == len(table)


def test_predictions_without_sex_and_without_normalizer() -> None:
    figure = figures.predictions(
        {"xception": prediction_table(5).drop(columns="female")}, unit="months"
    )
    assert "female" not in texts(figure)
    with pytest.raises(InputError, match="normalizer"):
        figures.predictions({"xception": prediction_table(5)})


def test_error_by_age_draws_means_of_bands() -> None:
    table = pd.DataFrame(
        {"boneage_months": [10.0, 20, 100, 110, 240], "predicted_months": [14.0, 18, 90, 104, 240]}
    )
    figure = figures.error_by_age({"xception": table}, bands=(0, 60, 120, 180, 240))
    absolute, signed = figure.axes
    drawn = [np.asarray(axes.containers[0][0].get_ydata()) for axes in (absolute, signed)]  # type: ignore[index]
    np.testing.assert_array_equal(drawn[0], [3, 8, np.nan, 0])
    np.testing.assert_array_equal(drawn[1], [1, -8, np.nan, 0])
    ticks = [tick.get_text() for tick in signed.get_xticklabels()]
    assert ticks == ["0–60\nn = 2", "60–120\nn = 2", "120–180\nn = 0", "180–240\nn = 1"]


def test_bland_altman_draws_bias_and_limits() -> None:
    table = prediction_table(10)
    figure = figures.bland_altman(table, "xception")
    difference = table["predicted_months"] - table["boneage_months"]
    heights = [np.asarray(line.get_ydata())[0] for line in figure.axes[0].lines]
    spread = 1.96 * difference.std(ddof=1)
    expected = [difference.mean(), difference.mean() - spread, difference.mean() + spread]
    np.testing.assert_allclose(heights, expected)
    assert sum(len(np.asarray(d.get_offsets())) for d in figure.axes[0].collections) == len(table)


def test_errors_bar_takes_what_evaluate_gives() -> None:
    metrics = {name: evaluate(prediction_table(10, seed)) for seed, name in enumerate(NAMES)}
    metrics["ensemble"] = {"mae_months": 8.0, "mae_months_ci": None}
    references: dict[str, float | tuple[float, float]] = {
        "Constant guess": 33.0,
        "Challenge winners": (4.2, 4.5),
    }
    figure = figures.errors_bar(metrics, references)
    (axes,) = figure.axes
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [
        theme.TITLES[name] for name in metrics
    ]
    value, _, (interval,) = axes.containers[0]  # type: ignore[misc]
    assert list(value.get_xdata()) == [metrics["inception_v3"]["mae_months"]]
    np.testing.assert_allclose(
        interval.get_segments()[0][:, 0], metrics["inception_v3"]["mae_months_ci"]
    )
    assert {"Constant guess", "Challenge winners", "8.0"} <= set(texts(figure))
    assert figures.errors_bar({"xception": metrics["xception"]}).legends == []


def test_error_correlation_writes_every_value() -> None:
    matrix = pd.DataFrame([[1.0, -0.25], [-0.25, np.nan]], index=NAMES[:2], columns=NAMES[:2])
    figure = figures.error_correlation(matrix)
    assert [text.get_text() for text in figure.axes[0].texts] == ["1.00", "−0.25", "−0.25"]


@pytest.fixture(scope="module")
def models() -> dict[str, list[LayerNode]]:
    """Nodes of all four networks at the paper's sizes; bases are random, counts are the paper's."""
    sizes = {name: 224 if network.patches else 500 for name, network in NETWORKS.items()}
    return {name: describe_layers(build(name, size)) for name, size in sizes.items()}


@pytest.mark.parametrize("name", published.TABLE_3)
def test_described_parameters_are_those_of_table_3(
    models: dict[str, list[LayerNode]], name: str
) -> None:
    printed = published.TABLE_3[name]
    assert sum(node.trainable for node in models[name]) == printed.trainable
    assert sum(node.frozen for node in models[name]) == printed.frozen


def test_described_layers_join_image_and_sex(models: dict[str, list[LayerNode]]) -> None:
    for name, nodes in models.items():
        by_name = {node.name: node for node in nodes}
        assert len(by_name) == len(nodes), name
        assert [node.name for node in nodes if not node.inputs] == ["image", "female"]
        assert len(by_name["fused"].inputs) == 2
        assert nodes[-1].name == "bone_age_z"
        assert nodes[-1].output_shape == (1,)
        known: set[str] = set()
        for node in nodes:  # Every layer comes after those that feed it.
            assert set(node.inputs) <= known
            known.add(node.name)
    resnet = {node.name: node for node in models["resnet50_patches"]}
    assert resnet["fused"].inputs == ("pooling", "female")
    assert resnet["dense_1"].detail == "14 units, relu"
    attention = {node.name: node for node in models["xception_attention"]}
    assert attention["spatial_attention"].detail == "8 heads, 3 × 3"
    assert attention["spatial_attention"].inputs == ("xception",)


def test_described_layers_agree_with_the_model() -> None:
    model = build("xception", 75)
    nodes = {node.name: node for node in describe_layers(model)}
    head = model.get_layer("xception_head")
    for layer in head.layers:
        if layer.name in nodes:
            assert nodes[layer.name].trainable == layer.count_params()
    base = model.get_layer("xception")
    assert nodes["xception"].frozen == base.count_params()
    assert nodes["xception"].detail == f"{len(base.layers)} layers"
    assert nodes["xception"].output_shape == tuple(base.output_shape[1:])


def test_diagram_writes_every_layer_and_no_boxes_overlap() -> None:
    model = build("resnet50_patches", 64)
    figure = architecture_diagram(model)
    written = texts(figure)
    assert "ResNet50 on patches" in written
    assert "23,616,427 parameters: 28,715 trained, 23,587,712 frozen" in written
    assert "Dense: 14 units, relu" in written
    boxes = [p for p in figure.axes[0].patches if hasattr(p, "get_boxstyle")]
    assert len(boxes) == len(describe_layers(model))
    extents = [box.get_window_extent() for box in boxes]
    for number, extent in enumerate(extents):
        assert not any(extent.overlaps(other) for other in extents[number + 1 :])
    labels = [text for text in figure.axes[0].texts[2:]]
    for text in labels:
        inside = text.get_window_extent()
        assert any(box.x0 <= inside.x0 and inside.x1 <= box.x1 for box in extents)


def test_colors_titles_and_markers_name_every_network_once() -> None:
    assert set(NAMES) <= set(theme.COLORS)
    assert len(set(theme.COLORS.values())) == len(theme.COLORS)
    assert len(set(theme.MARKERS.values())) == len(theme.MARKERS)
    assert {name: theme.TITLES[name] for name in NAMES} == {
        name: network.title for name, network in NETWORKS.items()
    }
    assert theme.color_of("as_printed") == theme.COLORS["ensemble"]
    assert theme.title_of("equal with attention") == "Equal with attention"


@pytest.mark.parametrize(
    ("months", "long", "short"),
    [
        (0, "0 months", "0 y 0 m"),
        (1.4, "1 month", "0 y 1 m"),
        (12, "1 year", "1 y 0 m"),
        (191.6, "16 years", "16 y 0 m"),
        (125, "10 years 5 months", "10 y 5 m"),
    ],
)
def test_ages_in_words(months: float, long: str, short: str) -> None:
    assert theme.age_in_words(months) == long
    assert theme.age_in_words(months, short=True) == short


@pytest.mark.parametrize("suffix", ["svg", "png", "pdf"])
def test_saved_figures_are_the_same_every_time(tmp_path: Path, suffix: str) -> None:
    histories = {name: training_history() for name in NAMES}
    files = [
        theme.save_figure(figures.losses(histories), tmp_path / f"{number}.{suffix}")
        for number in range(2)
    ]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert files[0].stat().st_size > 1_000


def test_figures_leave_the_callers_settings_alone() -> None:
    with mpl.rc_context({"font.size": 5, "xtick.labelsize": 5}):
        before = dict(mpl.rcParams)
        figure = figures.losses({"xception": training_history()})
        assert dict(mpl.rcParams) == before
    assert {tick.get_fontsize() for tick in figure.axes[0].get_xticklabels()} == {12}


def test_use_theme_sets_the_theme_for_other_plots() -> None:
    with mpl.rc_context():
        theme.use_theme()
        assert mpl.rcParams["svg.hashsalt"] == "boneage"
        assert mpl.rcParams["axes.labelsize"] == 13
        cycle = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
        assert [to_hex(color).upper() for color in cycle[:4]] == [
            theme.COLORS[name] for name in NAMES
        ]
