"""Write a trained network as an ONNX file that is checked before it stays; `konomi.network` opens it again."""

import copy
import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from konomi.errors import ModelError
from konomi.files import whole

MAX_BYTES = 12_000_000  # what is published lies in the repository and in the package
Example = Mapping[str, Tensor]


def write_onnx(
    network: nn.Module,
    path: Path,
    *,
    facts: Mapping[str, Any],
    examples: Sequence[Example],
    outputs: Sequence[str],
    tolerance: float,
    trained: nn.Module | None = None,
    free: Mapping[str, Mapping[int, str]] | None = None,
    half: bool = False,
    rough: Sequence[str] = (),
    max_bytes: int = MAX_BYTES,
) -> float:
    """Write `path`, whole or not at all, and return the largest difference from PyTorch's numbers.

    Parameters
    ----------
    network : Module
        Takes tensors and gives a tensor or a tuple of them. It is traced as a copy in evaluation mode, on the CPU.
    facts : mapping
        Everything that its user needs to know, as JSON knows it; `konomi.network.facts_of` reads it.
    examples : sequence of {input: Tensor}
        Inputs in the order that `network` takes them. The first is traced, and all of them are compared, so they
        should be what the network is for: noise, no zeros.
    outputs : sequence of str
        Names of what the network gives.
    tolerance : float
        The largest difference allowed. With `half` it is that of the rounded weights.
    trained : Module, optional
        What the file is compared with, where `network` is a form of it made for tracing.
    free : {input or output: {axis: name}}, optional
        Sides that may differ from those of the first example.
    half : bool
        Store weights in half precision; see `halve`.
    rough : sequence of str
        Endings of the names of dense layers whose weights are stored in eight bits; see `roughen`.
    max_bytes : int
        The largest file allowed.

    Raises
    ------
    ModelError
        If the file would be too large, or differs by more than `tolerance`.
    """
    expected = copy.deepcopy(trained or network).cpu().eval()
    with whole(path) as temporary:
        _trace(network, temporary, examples[0], outputs, free or {})
        graph = onnx.load(str(temporary))
        onnx.helper.set_model_props(graph, {"konomi": json.dumps(dict(facts))})
        graph = roughen(graph, rough)
        onnx.save(halve(graph) if half else graph, str(temporary))
        if (size := temporary.stat().st_size) > max_bytes:
            raise ModelError(
                f"{path.name} would take {size / 1e6:.1f} MB; at most {max_bytes / 1e6:.0f} MB are published"
            )
        difference = _difference(expected, temporary, examples, outputs)
        if not difference <= tolerance:  # not a number is not within it either
            raise ModelError(f"{path.name} differs from the trained network by {difference:.4f}; it is not kept")
    return difference


def halve(graph: onnx.ModelProto, *, smallest: int = 1024) -> onnx.ModelProto:
    """Store weights of at least `smallest` numbers in half precision; the runtime widens them when it loads them.

    It computes in float32 as before, with weights rounded to 11 bits.
    """
    for weight in [w for w in graph.graph.initializer if w.data_type == onnx.TensorProto.FLOAT]:
        values = numpy_helper.to_array(weight)
        if values.size < smallest:
            continue
        name = weight.name
        weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        widen = onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT)
        graph.graph.node.insert(0, widen)
    return graph


def roughen(graph: onnx.ModelProto, names: Sequence[str]) -> onnx.ModelProto:
    """Store the dense weights whose names end so in eight bits, each row with a scale of its own; computed in float32.

    What is lost is at most 1/254 of a row's largest weight.
    """
    rough = [w for w in graph.graph.initializer if names and w.name.endswith(tuple(names))]
    for weight in rough:
        values, name = numpy_helper.to_array(weight), weight.name
        scale = np.maximum(np.abs(values).max(axis=1), 1e-12) / 127
        weight.CopyFrom(numpy_helper.from_array((values / scale[:, None]).round().astype(np.int8), f"{name}.rough"))
        graph.graph.initializer.append(numpy_helper.from_array(scale.astype(np.float32), f"{name}.scale"))
        widen = onnx.helper.make_node("DequantizeLinear", [f"{name}.rough", f"{name}.scale"], [name], axis=0)
        graph.graph.node.insert(0, widen)
    return graph


def _trace(
    network: nn.Module, path: Path, example: Example, outputs: Sequence[str], free: Mapping[str, Mapping[int, str]]
) -> None:
    # the exporter folds normalisation into the weights that it is given
    traced = copy.deepcopy(network).cpu().eval()
    with torch.no_grad(), warnings.catch_warnings():
        # torch is pinned, and the older exporter writes a plainer graph without a further dependency
        warnings.simplefilter("ignore")
        torch.onnx.export(
            traced, tuple(example.values()), str(path), dynamo=False, opset_version=17, input_names=list(example),
            output_names=list(outputs), dynamic_axes={name: dict(axes) for name, axes in free.items()},
        )  # fmt: skip


@torch.no_grad()
def _difference(network: nn.Module, path: Path, examples: Sequence[Example], outputs: Sequence[str]) -> float:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    worst = 0.0
    for example in examples:
        given = network(*example.values())
        expected = given if isinstance(given, tuple) else (given,)
        found = session.run(list(outputs), {name: value.numpy() for name, value in example.items()})
        differences = [np.abs(e.numpy() - f).max() for e, f in zip(expected, found, strict=True)]
        worst = float(np.max([worst, *differences]))  # unlike max(), keeps what is not a number
    return worst
