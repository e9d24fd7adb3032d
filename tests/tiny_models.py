"""Taggers small enough to check by hand, as ONNX files and Caffe files written byte by byte."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from konomi.schema import Schema


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def _save(path: Path, nodes: list[Any], weights: np.ndarray, into: Any, out_of: Any, facts: Any) -> None:
    constants = {"weights": weights.astype(np.float32), "scale": np.float32(255), "starts": np.array([0])}
    constants |= {"ends": np.array([into.type.tensor_type.shape.dim[2].dim_value // 2]), "width": np.array([2])}
    tensors = [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()]
    graph = helper.make_graph(nodes, "tiny", [into], [out_of], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if facts is not None:
        helper.set_model_props(model, {"konomi": facts if isinstance(facts, str) else json.dumps(facts)})
    onnx.save(model, str(path))


def facts_of(schema: Schema, /, **changes: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "kind": "tagger",
        "schema": schema.name,
        "schema_hash": schema.hash,
        "slots": list(schema.slots),
    }
    return {**facts, "size": 16, "thresholds": {"glasses": 0.6}, "version": "7", **changes}


def write_onnx(path: Path, weights: np.ndarray, facts: Any, *, size: int = 16) -> None:
    """sigmoid(mean colour of the left half / 255 @ weights (3, slots)): other for a picture and its mirror image."""
    nodes = [
        helper.make_node("Cast", ["pictures"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Slice", ["float", "starts", "ends", "width"], ["left"]),
        helper.make_node("ReduceMean", ["left"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("Div", ["mean", "scale"], ["colour"]),
        helper.make_node("MatMul", ["colour", "weights"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], ["probabilities"]),
    ]
    into = helper.make_tensor_value_info("pictures", TensorProto.UINT8, ["N", size, size, 3])
    out_of = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", weights.shape[1]])
    _save(path, nodes, weights, into, out_of, facts)


def write_wd14(folder: Path, tags: list[str], weights: np.ndarray, *, size: int = 32) -> None:
    """sigmoid(mean colour, BGR / 255, @ weights (3, tags))."""
    nodes = [
        helper.make_node("ReduceMean", ["input"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("Div", ["mean", "scale"], ["colour"]),
        helper.make_node("MatMul", ["colour", "weights"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], ["output"]),
    ]
    into = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", size, size, 3])
    out_of = helper.make_tensor_value_info("output", TensorProto.FLOAT, ["N", weights.shape[1]])
    folder.mkdir(parents=True, exist_ok=True)
    _save(folder / "model.onnx", nodes, weights, into, out_of, None)
    rows = "".join(f"{i},{tag},{9 if i == 0 else 0},{1000 - i}\n" for i, tag in enumerate(tags))
    (folder / "selected_tags.csv").write_text("tag_id,name,category,count\n" + rows)


# A Caffe model is a protocol buffer: fields of a number, a wire type (0 number, 2 bytes) and a value


def number_of(value: int) -> bytes:
    """A base-128 varint: seven bits a byte, the lowest first."""
    found = b""
    while value > 127:
        found += bytes([value & 127 | 128])
        value >>= 7
    return found + bytes([value])


def number_field(field: int, value: int) -> bytes:
    return number_of(field << 3) + number_of(value)


def bytes_field(field: int, value: bytes) -> bytes:
    return number_of(field << 3 | 2) + number_of(len(value)) + value


def caffe_weights(layers: dict[str, list[np.ndarray]], *, old: bool = False) -> bytes:
    """NetParameter with the blobs of named layers: `layer` = 100 (name 1, blobs 7) or, before 2015, `layers` = 2."""
    found = b""
    for name, blobs in layers.items():
        if old:  # V1LayerParameter: name 4, type 5 (4 is a convolution), blobs 6
            inside = bytes_field(4, name.encode()) + number_field(5, 4)
            found += bytes_field(2, inside + b"".join(bytes_field(6, _blob(b, old)) for b in blobs))
        else:
            inside = bytes_field(1, name.encode()) + bytes_field(2, b"Convolution")
            found += bytes_field(100, inside + b"".join(bytes_field(7, _blob(b, old)) for b in blobs))
    return found


def _blob(values: np.ndarray, old: bool) -> bytes:
    """BlobProto: packed float32 data 5, and shape 7 or, before 2015, num, channels, height and width, 1 to 4."""
    data = bytes_field(5, values.astype("<f4").tobytes())
    if old:
        four = (1,) * (4 - values.ndim) + values.shape
        return b"".join(number_field(i, side) for i, side in enumerate(four, start=1)) + data
    return data + bytes_field(7, bytes_field(1, b"".join(number_of(side) for side in values.shape)))


TAG_LAYERS = """name: "tiny"
input: "data"
input_dim: 10
input_dim: 3
input_dim: 224
input_dim: 224
layer { name: "conv6_4" type: "Convolution" bottom: "data" top: "conv6_4"
        convolution_param { num_output: %d kernel_size: 1 } }
layer { name: "pool6" type: "Pooling" bottom: "conv6_4" top: "pool6"
        pooling_param { pool: AVE kernel_size: 224 stride: 1 } }
layer { name: "prob" type: "Sigmoid" bottom: "pool6" top: "prob" }
"""


def write_illustration2vec(folder: Path, tags: list[str], weights: np.ndarray, bias: np.ndarray, *, old: bool) -> None:
    """sigmoid(mean over the prepared picture of weights (tags, 3) @ colour + bias), under the names of the release."""
    layers = TAG_LAYERS % len(tags)
    if old:
        layers = layers.replace("layer {", "layers {")
        for new, name in (("Convolution", "CONVOLUTION"), ("Pooling", "POOLING"), ("Sigmoid", "SIGMOID")):
            layers = layers.replace(f'"{new}"', name)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "illust2vec_tag.prototxt").write_text(layers)
    blobs = {"conv6_4": [weights[:, :, None, None], bias]}
    (folder / "illust2vec_tag_ver200.caffemodel").write_bytes(caffe_weights(blobs, old=old))
    (folder / "tag_list.json").write_text(json.dumps(tags))
