"""ONNX files: a session that runs one, and the facts that Konomi wrote into it. Never imports torch."""

import json
from pathlib import Path
from typing import Any

from konomi.errors import ModelError
from konomi.files import file_sha256


def open_session(path: Path, *, threads: int = 1, name: str = "", sha256: str = "") -> Any:
    """An ONNX Runtime session; `threads` of 0 means all cores.

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
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
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
