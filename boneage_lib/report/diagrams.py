"""Figure 3, drawn from the networks themselves: what is built is what is shown."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from boneage_lib.report.theme import INK, MUTED, WIDTH, color_of, themed, title_of

if TYPE_CHECKING:
    import keras

#: A model inside a model with more layers than this is one box; a smaller one, every layer of it.
_MOST_LAYERS_SHOWN = 20

_KINDS = {
    "InputLayer": "Input",
    "GlobalAveragePooling2D": "Global average pooling",
    "SpatialAttention": "Spatial attention",
    "Concatenate": "Concatenation",
    "GetItem": "RGB to BGR",
}
_NAMES = {
    "image": "Image",
    "female": "Sex (0 male, 1 female)",
    "minus_imagenet_mean": "Minus ImageNet's mean",
    "feature_scale": "Fixed scaling of features",
    "bone_age_z": "Bone age (z)",
}
_BACKBONES = {"inception_v3": "InceptionV3", "xception": "Xception", "resnet50": "ResNet50"}


@dataclass(frozen=True)
class LayerNode:
    """One box of the diagram: a layer, or a whole base.

    Attributes:
        name: the layer's name, unique in the diagram.
        kind: its class; the base's name for a base.
        detail: what it was set to: units and activation, heads and kernel, rate, layers of a base.
        output_shape: shape of its output, without the batch.
        trainable: number of parameters that training changes.
        frozen: number of parameters that it leaves as they are.
        inputs: names of the nodes that feed it.
    """

    name: str
    kind: str
    detail: str
    output_shape: tuple[int | None, ...]
    trainable: int
    frozen: int
    inputs: tuple[str, ...]


def describe_layers(model: keras.Model) -> list[LayerNode]:
    """The layers of a network of `boneage_lib.networks.build`, inputs first.

    The base is one node; the head's layers are nodes of their own, joined to what feeds the head.

    Args:
        model: a functional Keras model.
    """
    return _walk(model, {})


def _walk(model: Any, feeds: dict[str, str]) -> list[LayerNode]:
    """Nodes of ``model``; ``feeds`` names the outer node behind each of its input layers."""
    stands_for = dict(feeds)
    nodes: list[LayerNode] = []
    operations = {operation.name: operation for operation in model.operations}
    for config in model.get_config()["layers"]:
        name = config["name"]
        operation = operations[name]
        if name in feeds:
            continue
        parents = tuple(stands_for[parent] for parent in _parents(config["inbound_nodes"]))
        layers = getattr(operation, "layers", None)
        if layers is not None and len(layers) <= _MOST_LAYERS_SHOWN:
            inner_inputs = [tensor.name for tensor in operation.inputs]
            inner = _walk(operation, dict(zip(inner_inputs, parents, strict=True)))
            nodes += inner
            stands_for[name] = inner[-1].name
            continue
        stands_for[name] = name
        nodes.append(
            LayerNode(
                name=name,
                kind=_BACKBONES.get(name, name) if layers else type(operation).__name__,
                detail=_detail(operation),
                output_shape=tuple(operation.output.shape[1:]),
                trainable=_count(getattr(operation, "trainable_weights", ())),
                frozen=_count(getattr(operation, "non_trainable_weights", ())),
                inputs=parents,
            )
        )
    return nodes


def _parents(inbound: Any) -> list[str]:
    """Names of the layers whose outputs a serialized call takes, in order, each once."""
    if isinstance(inbound, dict):
        if inbound.get("class_name") == "__keras_tensor__":
            return [inbound["config"]["keras_history"][0]]
        inbound = list(inbound.values())
    if not isinstance(inbound, list | tuple):
        return []
    return list(dict.fromkeys(name for part in inbound for name in _parents(part)))


def _count(weights: Any) -> int:
    return sum(math.prod(weight.shape) for weight in weights)


def _detail(operation: Any) -> str:
    """A layer's settings in words."""
    kind = type(operation).__name__
    if kind == "Dense":
        units = f"{operation.units:,} unit{'' if operation.units == 1 else 's'}"
        return f"{units}, {operation.activation.__name__}"
    if kind == "Dropout":
        return f"rate {operation.rate:g}"
    if kind == "SpatialAttention":
        side = operation.kernel_size
        return f"{operation.heads} heads, {side} × {side}"
    layers = getattr(operation, "layers", None)
    return f"{len(layers):,} layers" if layers else ""


@themed
def architecture_diagram(model: keras.Model, name: str | None = None) -> Figure:
    """A network as built: layers, shapes and parameters, frozen ones grey (Figure 3).

    Args:
        model: a network of `boneage_lib.networks.build`.
        name: the network, for color and title; the model's own name by default.
    """
    name = name or str(model.name)
    nodes = describe_layers(model)
    places = _places(nodes)
    rows = 1 + max(row for _, row in places.values())
    figure = Figure(figsize=(WIDTH, 0.75 + 0.95 * rows))
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(0.95 * rows, -0.75))
    axes.axis("off")
    trainable, frozen = sum(n.trainable for n in nodes), sum(n.frozen for n in nodes)
    axes.text(0.15, -0.5, title_of(name), fontsize=16, fontweight="bold", va="center")
    axes.text(
        0.15,
        -0.18,
        f"{trainable + frozen:,} parameters: {trainable:,} trained, {frozen:,} frozen",
        fontsize=12,
        va="center",
    )
    centers = {key: (_CENTERS[column], 0.95 * (row + 0.5)) for key, (column, row) in places.items()}
    for node in nodes:
        for parent in node.inputs:
            _arrow(axes, centers[parent], centers[node.name])
    for node in nodes:
        _box(axes, node, centers[node.name], color_of(name))
    return figure


_BOX = (3.0, 0.66)  # width and height of a box, inches
_CENTERS = {"image": 1.65, "sex": 4.75, "both": WIDTH / 2}


def _places(nodes: list[LayerNode]) -> dict[str, tuple[str, int]]:
    """Column and row of every node: image on the left, sex on the right, both in the middle.

    Rows count the longest way to the output, so that the sex input stands right above the layer
    that takes it.
    """
    sources: dict[str, frozenset[str]] = {}
    for node in nodes:
        own = frozenset([node.name]) if not node.inputs else frozenset()
        sources[node.name] = own.union(*(sources[parent] for parent in node.inputs))
    to_go = dict.fromkeys(sources, 0)
    for node in reversed(nodes):
        for parent in node.inputs:
            to_go[parent] = max(to_go[parent], to_go[node.name] + 1)
    longest = max(to_go.values())

    def column(name: str) -> str:
        if len(sources[name]) > 1:
            return "both"
        return "sex" if sources[name] == {"female"} else "image"

    return {name: (column(name), longest - rest) for name, rest in to_go.items()}


def _box(axes: Axes, node: LayerNode, center: tuple[float, float], color: str) -> None:
    """One box: title, shape and parameters; colored when trained, grey when frozen."""
    width, height = _BOX
    x, y = center
    fill: str | tuple[float, ...] = "white"
    edge, line = MUTED, 1.0
    if node.frozen and not node.trainable:
        fill, edge = "#DDDDDD", INK
    elif node.trainable:
        fill, edge, line = _tint(color), color, 2.2
    axes.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - height / 2),
            width,
            height,
            boxstyle="round,pad=0,rounding_size=0.08",
            facecolor=fill,
            edgecolor=edge,
            linewidth=line,
        )
    )
    known = _NAMES.get(node.name) or _KINDS.get(node.kind, node.kind)
    title = f"{known}: {node.detail}" if node.detail else known
    axes.text(
        x,
        y - 0.13,
        title,
        ha="center",
        va="center",
        fontsize=11.5 if len(title) < 30 else 10,
        fontweight="bold" if node.trainable or node.frozen else "normal",
    )
    shape = " × ".join("?" if side is None else f"{side:,}" for side in node.output_shape)
    counts = [f"{node.trainable:,} trained"] if node.trainable else []
    counts += [f"{node.frozen:,} frozen"] if node.frozen else []
    axes.text(
        x, y + 0.15, "   ".join([f"→ {shape}", *counts]), ha="center", va="center", fontsize=10.5
    )


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    half = _BOX[1] / 2
    # Sideways arrows end short of the middle, so that two of them do not meet in one point.
    shift = 0.45 * (start[0] - end[0])
    axes.add_patch(
        FancyArrowPatch(
            (start[0] - 0.25 * shift, start[1] + half),
            (end[0] + shift, end[1] - half),
            arrowstyle="-|>",
            mutation_scale=13,
            shrinkA=0,
            shrinkB=1,
            color=INK,
            linewidth=1.3,
        )
    )


def _tint(color: str, share: float = 0.22) -> tuple[float, ...]:
    """A light tint of a color that black text can be read on."""
    return tuple(1 - share * (1 - part) for part in to_rgb(color))
