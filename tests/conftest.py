"""What several tests need."""

from pathlib import Path

import pytest

from konomi.condition import Condition
from konomi.schema import Schema, load_schema

SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def schema() -> Schema:
    return load_schema("anime")


@pytest.fixture(scope="session")
def asked(schema: Schema) -> Condition:
    return Condition.from_dict(schema, {"hair_color": "silver", "eye_color": "red", "glasses": True, "hat": False})


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real training pictures; tests that need it are skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("the training pictures are not on this machine")
    return SHARED
