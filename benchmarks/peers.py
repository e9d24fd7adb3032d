"""What drawing costs beside others, in one run on one core.

    taskset -c 0 python benchmarks/peers.py

- our network, and a whole avatar of 256 px;
- the paper-size SRResNet generator (Jin et al., Xu) in ONNX Runtime, fp32, 128 px; random weights take as long;
- DiceBear's Python renderer and resvg, which draw vector avatars from parts;
- the largest matrix product per second that this core does in the same runtime: which share of it our network reaches.
"""

import json
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch

from konomi import api
from konomi.data.vector import face_of, load_style, paint
from konomi.model.acgan import read_acgan_plan, shape_of
from konomi.model.describe import cost
from konomi.model.export import Core
from konomi.model.networks import Generator, Shape
from konomi.model.onnx_file import write_onnx
from konomi.model.srresnet import SRResNetGenerator
from konomi.network import open_session
from konomi.schema import load_schema
from konomi.timing import machine, time_drawing, timed

OUT = Path(__file__).with_suffix(".json")
REPEATS = 30


def srresnet_session(folder: Path) -> tuple[onnxruntime.InferenceSession, dict[str, np.ndarray]]:
    plan = read_acgan_plan(Path("recipes/xu-acgan-128.toml"))
    shape = shape_of(plan.options, load_schema(plan.schema), plan.left_out)
    example = {"z": torch.randn(1, shape.latent), "condition": torch.zeros(1, shape.tags)}
    path = folder / "srresnet.onnx"
    write_onnx(
        Core(SRResNetGenerator(shape)), path, facts={}, examples=[example], outputs=["picture"], tolerance=0.01,
        max_bytes=30_000_000,
    )  # fmt: skip
    return open_session(path), {name: value.numpy() for name, value in example.items()}


def product_session(folder: Path, side: int) -> tuple[onnxruntime.InferenceSession, dict[str, np.ndarray]]:
    """A product of two square matrices."""
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    weights = onnx.numpy_helper.from_array(np.random.RandomState(0).randn(side, side).astype(np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "product",
        [helper.make_tensor_value_info("x", kind, [side, side])],
        [helper.make_tensor_value_info("y", kind, [side, side])], [weights],
    )  # fmt: skip
    path = folder / "product.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return open_session(path), {"x": np.random.RandomState(1).randn(side, side).astype(np.float32)}


def main() -> None:
    rows = {t.what: t.fastest for t in time_drawing(repeats=REPEATS)}
    with tempfile.TemporaryDirectory() as name:
        session, feed = srresnet_session(Path(name))
        rows["SRResNet of the papers, 128 px"] = timed("", lambda _: session.run(None, feed), repeats=REPEATS).fastest
        side = 1024
        product, matrices = product_session(Path(name), side)
        peak = 2 * side**3 / timed("", lambda _: product.run(None, matrices), repeats=REPEATS).fastest / 1e6
    style = load_style("lorelei")
    for size in (64, 256):
        found = timed("", lambda n, size=size: paint(style, face_of(style, 0, n)[1], size), repeats=REPEATS)  # type: ignore[misc]
        rows[f"DiceBear and resvg, {size} px"] = found.fastest
    model = api.open_model("anime")
    shape = Shape(slots=len(model.schema.slots))
    operations = cost("", Generator(shape), torch.zeros(1, shape.latent), torch.zeros(1, shape.slots)).operations
    ours = next(fastest for what, fastest in rows.items() if what.startswith("the network"))
    share = operations / (ours / 1000) / 1e9 / peak
    for what, fastest in rows.items():
        print(f"{what:38s} {fastest:8.2f} ms   {fastest / ours:6.2f} x our network")
    print(f"matrix products: {peak:.0f} GFLOP/s; our network reaches {share:.0%} of that")
    result = {"machine": machine(), "milliseconds": {k: round(v, 2) for k, v in rows.items()}}
    OUT.write_text(json.dumps(result | {"peak_gflops": round(peak, 1), "share": round(share, 3)}, indent=1) + "\n")


if __name__ == "__main__":
    main()
