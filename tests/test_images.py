"""Reading pictures of every kind to RGB."""

import io

import numpy as np
import pytest
from PIL import Image

from konomi import images
from konomi.errors import FileError


def encoded(picture: Image.Image, file_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, file_format, **options)
    return buffer.getvalue()


def pixel(data: bytes, x: int = 0, y: int = 0) -> tuple[int, ...]:
    picture = images.decode(data, name="x")
    assert picture.mode == "RGB"
    return picture.getpixel((x, y))  # type: ignore[return-value]


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_gray_of_16_bits_is_scaled_not_clipped(file_format: str) -> None:
    values = np.array([[0, 257, 32768, 65535]], dtype=np.uint16)
    data = encoded(Image.fromarray(values), file_format)
    assert [pixel(data, x)[0] for x in range(4)] == [0, 1, 128, 255]


def test_pixels_of_unknown_range_are_refused() -> None:
    for values in (np.float32([[0.5]]), np.int32([[1_000_000]])):
        with pytest.raises(FileError, match="floating-point or 32-bit"):
            images.decode(encoded(Image.fromarray(values), "TIFF"), name="x")


@pytest.mark.parametrize(
    ("picture", "options"),
    [
        (Image.new("RGBA", (4, 4), (255, 0, 0, 0)), {}),
        (Image.new("LA", (4, 4), (0, 0)), {}),
        (Image.new("RGB", (4, 4), (1, 2, 3)), {"transparency": (1, 2, 3)}),
        (Image.new("L", (4, 4), 7), {"transparency": 7}),
        (Image.new("P", (4, 4), 0), {"transparency": 0}),
    ],
    ids=["RGBA", "LA", "RGB with a key", "L with a key", "palette"],
)
def test_what_is_transparent_becomes_white(picture: Image.Image, options: dict[str, object]) -> None:
    assert pixel(encoded(picture, "PNG", **options)) == (255, 255, 255)


def test_half_transparent_red_is_pink_and_opaque_colours_are_kept_exactly() -> None:
    assert pixel(encoded(Image.new("RGBA", (2, 2), (255, 0, 0, 128)), "PNG")) == (255, 127, 127)
    colours = np.random.RandomState(0).randint(0, 256, (8, 8, 3), dtype=np.uint8)
    opaque = np.concatenate([colours, np.full((8, 8, 1), 255, np.uint8)], axis=2)
    for array in (colours, opaque):
        decoded = images.decode(encoded(Image.fromarray(array), "PNG"), name="x")
        assert np.array_equal(np.asarray(decoded), colours)


def test_cmyk_and_palette_and_bilevel_pictures_are_read() -> None:
    assert pixel(encoded(Image.new("CMYK", (8, 8), (255, 255, 0, 0)), "TIFF")) == (0, 0, 255)
    red, green, blue = pixel(encoded(Image.new("CMYK", (16, 16), (255, 255, 0, 0)), "JPEG", quality=95))
    assert red < 30 > green
    assert blue > 225
    assert pixel(encoded(Image.new("RGB", (4, 4), (9, 8, 7)).convert("P"), "GIF"))[0] < 60
    assert pixel(encoded(Image.new("1", (4, 4), 1), "PNG")) == (255, 255, 255)


def test_a_picture_turned_by_its_exif_is_set_upright() -> None:
    lying = Image.new("RGB", (40, 20), "white")
    lying.paste("black", (0, 0, 10, 20))  # the left end of what the camera saw
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    upright = images.decode(encoded(lying, "JPEG", exif=exif, quality=95), name="x")
    assert upright.size == (20, 40)
    assert upright.getpixel((10, 2))[0] < 40  # the left end is now the top
    assert upright.getpixel((10, 37))[0] > 215


def test_too_many_pixels_are_refused_before_they_are_decoded() -> None:
    with pytest.raises(FileError, match="10000x10000 pixels; at most 64000000"):
        images.decode(encoded(Image.new("1", (10_000, 10_000)), "PNG"), name="x")


def test_only_the_named_formats_are_tried() -> None:
    data = encoded(Image.new("RGB", (4, 4)), "PNG")
    assert images.decode(data, name="x", formats=["PNG"]).size == (4, 4)
    with pytest.raises(FileError, match="x is not a readable picture"):
        images.decode(data, name="x", formats=["JPEG"])


def test_an_error_names_no_place_in_memory() -> None:
    with pytest.raises(FileError, match=r"x is not a readable picture: cannot identify image file$"):
        images.decode(b"no picture", name="x")


def test_a_numbered_tile_holds_its_picture_under_its_number() -> None:
    tile = images.numbered(Image.new("L", (30, 30), 90), 12, side=40)
    assert tile.size == (40, 58)
    assert set(np.unique(np.asarray(tile)[18:])) == {90}
    other = images.numbered(Image.new("L", (30, 30), 90), 13, side=40)
    assert not np.array_equal(np.asarray(tile)[:18], np.asarray(other)[:18])
