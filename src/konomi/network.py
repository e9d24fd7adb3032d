"""ONNX files: a session that runs one, and the facts that Konomi wrote into it. Never imports torch."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from konomi.errors import ModelError
from konomi.files import file_sha256


def open_session(path: Path, *, threads: int = 1, name: str = "", sha256: str = "", any_number: bool = False) -> Any:
    """An ONNX Runtime session; `threads` of 0 means all cores, `any_number` that a run takes any number of pictures.

    A ModelError says when the file is missing, damaged, or not the published `name` (by its hash).
    """
    import onnxruntime

    if not path.is_file():
        raise ModelError(f"there is no model file {path}")
    if sha256 and (found := file_sha256(path)) != sha256:
        raise ModelError(
            f"{path} is not the published {name}: its hash is {found[:12]}…, not {sha256[:12]}…; install Konomi again"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        source = for_any_number(path.read_bytes()) if any_number else str(path)
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises its own unexported classes
        raise ModelError(f"{path} is not a readable ONNX model: {str(error).splitlines()[0][:120]}") from None


def facts_of(session: Any, path: Path, *, hint: str = "") -> dict[str, Any]:
    """What Konomi wrote into the file when it was exported; a ModelError with `hint` if it did not write it."""
    try:
        facts = json.loads(session.get_modelmeta().custom_metadata_map["konomi"])
    except (KeyError, ValueError):
        facts = None
    if not isinstance(facts, dict):
        raise ModelError(f"{path} is an ONNX model, but not one of Konomi{hint}")
    return facts


# An ONNX file is a protocol buffer: fields of a number, a wire type (0 number, 1 eight bytes, 2 bytes with their length
# before them, 5 four bytes) and a value. ModelProto.graph is 7; GraphProto.input 11, output 12, value_info 13;
# ValueInfoProto.type 2; TypeProto.tensor_type 1; its shape 2; TensorShapeProto.dim 1.


def for_any_number(model: bytes) -> bytes:
    """The bytes of an ONNX model whose inputs and outputs leave open how many pictures there are.

    The generators are stored for one picture at a time; nothing but these declared shapes ties them to it.
    """

    def opened(value: bytes) -> bytes:
        return _changed(value, (2, 1, 2), lambda shape: _changed(shape, (1,), lambda _: b"", most=1))

    def graph(fields: bytes) -> bytes:
        return _changed(_changed(_changed(fields, (11,), opened), (12,), opened), (13,), opened)

    return _changed(model, (7,), graph)


def _changed(message: bytes, path: tuple[int, ...], change: Callable[[bytes], bytes], *, most: int = 2**31) -> bytes:
    """A message with the (first `most`) byte fields at `path` changed; a path goes through nested messages."""
    kept, at = [], 0
    while at < len(message):
        start = at
        key, at = _number(message, at)
        if key & 7 == 2:
            length, at = _number(message, at)
            at += length
            if key >> 3 == path[0] and most:
                most -= 1
                inside = message[at - length : at]
                inside = _changed(inside, path[1:], change) if len(path) > 1 else change(inside)
                kept.append(_digits(key) + _digits(len(inside)) + inside)
                continue
        else:
            at = _number(message, at)[1] if key & 7 == 0 else at + {1: 8, 5: 4}[key & 7]
        kept.append(message[start:at])
    return b"".join(kept)


def _number(message: bytes, at: int) -> tuple[int, int]:
    """A number in base 128, the lowest digit first, and where it ends."""
    value = shift = 0
    while True:
        value |= (message[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if message[at - 1] < 128:
            return value, at


def _digits(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])
