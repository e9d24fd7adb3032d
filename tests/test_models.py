"""The list of published models: kinds, names, numbers, and how a file is opened."""

from pathlib import Path

import pytest

from konomi import models
from konomi.errors import InputError, ModelError
from konomi.models import find_model, find_number, open_network, open_published, published

ROW = {"kind": "generator", "number": 1, "sha256": "00", "licence": "mine", "summary": "none"}


def test_a_model_is_found_among_its_kind_only() -> None:
    assert find_model("anime").kind == "generator"
    with pytest.raises(InputError, match="there is no detector 'anime'"):
        find_model("anime", kind="detector")


def test_numbers_belong_to_generators() -> None:
    assert find_number(1).name == "anime-1"
    assert all(m.number == 0 for m in published() if m.kind != "generator")
    with pytest.raises(InputError, match="needs model number 0"):
        find_number(0)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({**ROW, "kind": "sorter"}, "is of kind 'sorter', not one of generator, tagger, scout"),
        ({**ROW, "kind": "tagger"}, "has keys .*'number'"),
        ({**ROW, "goal": "luck"}, "has goal 'luck', not one of most, everything"),
        ({k: v for k, v in ROW.items() if k != "number"}, r"not \['kind', 'licence', 'number'"),
    ],
)
def test_a_wrong_row_is_refused(row: dict[str, object], told: str) -> None:
    with pytest.raises(ModelError, match=told):
        models._read_row("x-1", row)


def test_every_published_file_opens_and_says_its_name() -> None:
    for model in published():
        session, facts = open_published(model)
        assert facts["name"] == (model.network or model.name)
        assert session.get_session_options().intra_op_num_threads == 1


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x07" * 1000])
def test_a_file_that_is_no_network_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.onnx").write_bytes(content)
    with pytest.raises(ModelError, match=r"not a readable ONNX model|not one of Konomi"):
        open_network(tmp_path / "m.onnx")


def test_a_missing_or_changed_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no model file"):
        open_network(tmp_path / "m.onnx")
    model = find_model("anime")
    (tmp_path / "m.onnx").write_bytes(model.path.read_bytes() + b" ")
    with pytest.raises(ModelError, match=f"is not the published {model.name}"):
        open_network(tmp_path / "m.onnx", name=model.name, sha256=model.sha256)
