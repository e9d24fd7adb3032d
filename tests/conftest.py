"""What several tests need."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from konomi.condition import Condition
from konomi.schema import Schema, load_schema

if TYPE_CHECKING:
    from playwright.sync_api import Browser

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


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    from databases import postgres_server

    with postgres_server() as (address, _):
        yield address


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of an empty database of each kind."""
    from databases import MEMORY, database_on

    if request.param == "sqlite":
        with tempfile.TemporaryDirectory(dir=MEMORY) as folder:  # every answer waits for the disk
            yield f"sqlite:///{folder}/survey.sqlite"
        return
    with database_on(request.getfixturevalue("postgres"), f"test_{uuid4().hex}") as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """Debian's chromium."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium")
    if program is None:
        pytest.fail("there is no chromium; sh scripts/debian.sh installs it")
    with sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=program)
        yield found
        found.close()
