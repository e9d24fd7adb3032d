"""The network that learns to foretell a judge."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from konomi.errors import ModelError, TrainingError
from konomi.model.scout import Seen, agreement, export_scout, train_scout
from konomi.network import facts_of, open_session
from konomi.schema import Schema

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def seen(schema: Schema) -> Seen:
    """Hats are there where noise says so, smiles where they are asked for; long hair is never seen."""
    dice = np.random.default_rng(0)
    z, conditions = (dice.standard_normal((1500, n)).astype(np.float32) for n in (6, len(schema.slots)))
    rows = np.full((1500, len(schema.slots)), np.nan, np.float32)
    sigmoid = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
    rows[:, schema.slot_index("hat")] = sigmoid(3 * z[:, 0])
    rows[:, schema.slot_index("smile")] = sigmoid(3 * conditions[:, schema.slot_index("smile")])
    rows[:, schema.slot_index("hair_length.long")] = 0
    appeal = np.stack([sigmoid(z[:, 1] - z[:, 0]), sigmoid(2 * z[:, 2])], axis=1).astype(np.float32)
    return Seen(z, conditions, rows, appeal)


def test_it_foretells_what_noise_and_condition_decide(seen: Seen, schema: Schema, tmp_path: Path) -> None:
    lines: list[str] = []
    network = train_scout(seen, epochs=30, report=lines.append)
    assert len(lines) == 30
    long, smile, hat, whole, liked = agreement(network, seen)  # in the schema's order
    assert np.isnan(long)
    assert min(smile, hat, whole, liked) > 0.8
    assert export_scout(network, tmp_path / "s.onnx", seen, schema=schema, name="scout-0") < 0.02
    session = open_session(tmp_path / "s.onnx")
    facts = facts_of(session, tmp_path / "s.onnx")
    assert (facts["kind"], facts["slots"]) == ("scout", ["hair_length.long", "smile", "hat"])
    told, whole, liked = session.run(None, {"z": seen.z[:70], "condition": seen.conditions[:70]})
    assert (told.shape, whole.shape, liked.shape) == ((70, 3), (70,), (70,))
    with torch.no_grad():
        expected = network(torch.from_numpy(seen.z[:70]), torch.from_numpy(seen.conditions[:70])).sigmoid().numpy()
    assert np.allclose(np.column_stack([told, whole, liked]), expected, atol=0.02)


def test_too_few_drawings_are_refused(seen: Seen) -> None:
    with pytest.raises(TrainingError, match="180 drawings are fewer than a batch of 256; draw more"):
        train_scout(seen.part(slice(0, 200)))


def test_a_generator_is_no_scout() -> None:
    from konomi.models import find_model
    from konomi.scouting import open_scout

    with pytest.raises(ModelError, match="anime-5 is a generator, not a scout"):
        open_scout(find_model("anime-5"))
