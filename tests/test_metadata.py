"""The recipe inside picture files."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from konomi.errors import FileError, InputError
from konomi.metadata import MADE_BY_AI, encode, read_recipe, recipe_of

PICTURE = Image.fromarray(np.random.RandomState(0).randint(0, 256, (64, 64, 3), dtype=np.uint8))


@pytest.mark.parametrize("file_format", ["png", "webp"])
def test_the_recipe_and_the_mark_of_ai_survive(file_format: str) -> None:
    data = encode(PICTURE, file_format, recipe='{"a": "銀髪 <&\\" \'"}', licence="research only")
    assert recipe_of(data, name="x") == '{"a": "銀髪 <&\\" \'"}'
    assert MADE_BY_AI.encode() in data
    assert b"research only" in data


@pytest.mark.parametrize("file_format", ["png", "webp"])
def test_the_pixels_are_kept_exactly(file_format: str) -> None:
    with Image.open(io.BytesIO(encode(PICTURE, file_format, recipe="{}"))) as opened:
        assert np.array_equal(np.asarray(opened.convert("RGB")), np.asarray(PICTURE))


@pytest.mark.parametrize("file_format", ["png", "webp"])
def test_without_metadata_nothing_is_told(file_format: str) -> None:
    data = encode(PICTURE, file_format, recipe=None)
    assert b"konomi" not in data.lower()
    assert b"xmp" not in data.lower()
    with pytest.raises(FileError, match="carries no Konomi recipe"):
        recipe_of(data, name="x.png")


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(InputError, match="choose one of png, webp"):
        encode(PICTURE, "gif", recipe=None)


def test_a_missing_file_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="No such file"):
        read_recipe(tmp_path / "none.png")


@given(st.binary(max_size=300))
def test_random_bytes_are_no_picture(data: bytes) -> None:
    with pytest.raises(FileError, match="not a readable PNG or WebP"):
        recipe_of(data, name="x")


@given(st.data())
def test_a_damaged_file_is_read_or_refused_but_never_crashes(data: st.DataObject) -> None:
    whole = bytearray(encode(PICTURE, data.draw(st.sampled_from(["png", "webp"])), recipe='{"seed": 1}'))
    for _ in range(data.draw(st.integers(1, 5))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert isinstance(recipe_of(bytes(whole), name="x"), str)
    except FileError as error:
        assert str(error).startswith("x ")


def test_an_entity_bomb_is_refused() -> None:
    from PIL import PngImagePlugin

    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>')
    buffer = io.BytesIO()
    PICTURE.save(buffer, "PNG", pnginfo=info)
    with pytest.raises(FileError, match="damaged metadata"):
        recipe_of(buffer.getvalue(), name="x")
