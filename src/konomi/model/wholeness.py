"""A tagger that also says whether a drawn face is whole: no broken eyes, no melted hair, one mouth.

What the tagger's network has learned to see goes, as it is, into one more linear layer, learned from drawn faces that
were judged by eye. The tagger's own probabilities stay the same to the bit.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from konomi.errors import ModelError
from konomi.files import whole

OUTPUT = "whole"  # float32 (N,): probability that the face is whole
RIDGE = 100.0  # chosen by cross-validation on 720 faces; 10 and 1,000 are .01 worse in area under the curve


@dataclass(frozen=True)
class Head:
    """P(whole) = sigmoid(features . weights + bias)."""

    weights: np.ndarray  # (D,), float32
    bias: float

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Probabilities (N,) of features (N, D)."""
        return 1 / (1 + np.exp(-(features @ self.weights + self.bias)))


def fit_head(features: np.ndarray, whole: np.ndarray, *, ridge: float = RIDGE) -> Head:
    """Logistic regression on standardised features; `ridge` is the precision of the weights' prior.

    Parameters
    ----------
    features : float array, shape (N, D)
    whole : bool array, shape (N,)
        Judged by eye. Both kinds must be there.
    """
    from sklearn.linear_model import LogisticRegression

    if whole.all() or not whole.any():
        raise ModelError(f"all {len(whole)} faces are {'whole' if whole.all() else 'broken'}; judge some of both kinds")
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-6
    fitted = LogisticRegression(C=1 / ridge, max_iter=1_000).fit((features - mean) / spread, whole)
    weights = fitted.coef_[0] / spread
    return Head(weights.astype(np.float32), float(fitted.intercept_[0] - mean @ weights))


def features_of(tagger: Path, pictures: np.ndarray) -> np.ndarray:
    """What the tagger's last layer reads, float32 (N, D), of uint8 pictures (N, size, size, 3) in the tagger's size."""
    graph = onnx.load(str(tagger))
    name = _last_layer(graph, tagger).input[0]
    graph.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", None]))
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    parts = [session.run([name], {"pictures": part})[0] for part in np.array_split(pictures, len(pictures) // 32 + 1)]
    return np.concatenate(parts)


def add_head(tagger: Path, head: Head, out: Path, *, name: str) -> None:
    """Write the tagger with one more output, `whole`, under another name."""
    graph = onnx.load(str(tagger))
    if OUTPUT in [output.name for output in graph.graph.output]:
        raise ModelError(f"{tagger} says already whether a face is whole; begin with a tagger that does not")
    read = _last_layer(graph, tagger).input[0]
    graph.graph.initializer.extend(
        [
            numpy_helper.from_array(head.weights.reshape(-1, 1), "whole.weight"),
            numpy_helper.from_array(np.array([head.bias], np.float32), "whole.bias"),
            numpy_helper.from_array(np.array([-1], np.int64), "whole.shape"),
        ]
    )
    graph.graph.node.extend(
        [
            helper.make_node("Gemm", [read, "whole.weight", "whole.bias"], ["whole.logits"]),
            helper.make_node("Sigmoid", ["whole.logits"], ["whole.column"]),
            helper.make_node("Reshape", ["whole.column", "whole.shape"], [OUTPUT]),
        ]
    )
    graph.graph.output.append(helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n"]))
    facts = json.loads(next(p.value for p in graph.metadata_props if p.key == "konomi"))
    facts |= {"name": name, "version": name.rsplit("-", 1)[-1]}
    helper.set_model_props(graph, {"konomi": json.dumps(facts)})
    onnx.checker.check_model(graph)
    with whole(out) as temporary:
        onnx.save(graph, str(temporary))


def _last_layer(graph: onnx.ModelProto, path: Path) -> onnx.NodeProto:
    layers = [node for node in graph.graph.node if node.op_type == "Gemm"]
    if not layers:
        raise ModelError(f"{path} has no dense layer to read features from")
    return layers[-1]
