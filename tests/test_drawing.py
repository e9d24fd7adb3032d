"""Drawing: the same recipe gives the same pixels, for ever."""

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import konomi
from konomi import api, drawing
from konomi.condition import Condition
from konomi.errors import FileError, InputError, KonomiError, ModelError
from konomi.files import file_sha256
from konomi.images import read
from konomi.models import FOLDER, find_model, published
from konomi.recipe import MAX_SEED, Recipe
from konomi.schema import Schema
from konomi.upscale import enlarge, upscale

GOLDEN = Path(__file__).parent / "golden"
GOLDEN_RECIPES = json.loads((GOLDEN / "pictures.json").read_text(encoding="utf-8"))


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("RGB"), dtype=np.int16)


def test_words_become_pictures_that_know_their_recipe() -> None:
    (avatar,) = konomi.draw("a girl with long silver hair, red eyes and glasses", seed=7)
    assert avatar.size == (256, 256)
    assert avatar.seed == 7
    assert avatar.condition["hair_color"] == "silver"
    assert avatar.condition["eye_color"] == "red"
    assert avatar.recipe.model == find_model("anime").name
    assert pixels(avatar).std() > 20  # a picture, not a plain field


@pytest.mark.parametrize("size", [64, 128, 256, 512])
def test_every_size_is_drawn(size: int) -> None:
    assert konomi.draw("blue hair", size=size)[0].size == (size, size)


def test_smaller_sizes_show_the_same_face() -> None:
    large, small = (konomi.draw("blue hair", seed=3, size=s)[0] for s in (256, 64))
    assert np.abs(pixels(large.resize((64, 64), Image.Resampling.BOX)) - pixels(small)).mean() < 12


def test_the_first_of_five_equals_the_single_one() -> None:
    five = konomi.draw("pink hair", count=5, seed=40, size=64)
    assert [a.seed for a in five] == [40, 41, 42, 43, 44]
    for avatar in five:
        (alone,) = konomi.draw("pink hair", seed=avatar.seed, size=64)
        assert np.array_equal(pixels(alone), pixels(avatar))


def test_threads_and_order_do_not_change_a_pixel(schema: Schema) -> None:
    model = api.open_model("anime")
    condition = Condition.from_dict(schema, {"hair_color": "green"})
    recipes = api.make_recipes(condition, model, count=6, seed=0, size=256)
    one = [pixels(a) for a in api.draw_recipes(recipes, model, threads=1)]
    many = [pixels(a) for a in api.draw_recipes(recipes[::-1], model, threads=4)][::-1]
    assert all(np.array_equal(a, b) for a, b in zip(one, many, strict=True))


def test_a_new_process_draws_the_same_pixels(tmp_path: Path) -> None:
    program = "import sys, konomi; konomi.draw('red hair, blue eyes', seed=5)[0].save(sys.argv[1])"
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "a.png")], check=True)
    (here,) = konomi.draw("red hair, blue eyes", seed=5)
    assert np.array_equal(pixels(read(tmp_path / "a.png")), pixels(here))


@pytest.mark.parametrize("name", sorted(GOLDEN_RECIPES))
def test_golden_pictures_never_change(name: str) -> None:
    """At most 2/255 a channel, so that another processor passes; on one machine they are equal."""
    recipe, model = api.recall(GOLDEN_RECIPES[name])
    (drawn,) = api.draw_recipes([recipe], model)
    with Image.open(GOLDEN / f"{name}.png") as kept:
        difference = np.abs(pixels(kept) - pixels(drawn))
    assert difference.max() <= 2, f"{name} differs by up to {difference.max()}/255"


def test_the_noise_of_a_seed_is_frozen() -> None:
    """numpy promises that RandomState's streams never change; these values were written down once."""
    assert drawing.noise(0, 3).tolist() == pytest.approx([-0.3625903, -0.4159747, 0.9548649], abs=1e-6)
    assert drawing.noise(2**40 + 1, 2).tolist() == pytest.approx([0.3992283, -0.3928535], abs=1e-6)


@pytest.mark.parametrize("file_format", ["png", "webp"])
def test_a_saved_picture_is_redrawn_from_itself(tmp_path: Path, file_format: str) -> None:
    (avatar,) = konomi.draw("short blonde hair", seed=9, size=128)
    path = tmp_path / f"a.{file_format}"
    avatar.save(path)
    for source in (str(path), avatar.code, avatar.code.lower()):
        recipe, model = api.recall(source)
        assert recipe == avatar.recipe
        (again,) = api.draw_recipes([recipe], model)
        assert np.array_equal(pixels(again), pixels(avatar))


def test_saving_works_like_any_pil_image(tmp_path: Path) -> None:
    (avatar,) = konomi.draw("red hair", size=64)
    avatar.save(tmp_path / "a.jpg", quality=90)
    buffer = io.BytesIO()
    avatar.save(buffer, "PNG")
    assert read(tmp_path / "a.jpg").size == (64, 64)
    assert b"konomi" in buffer.getvalue()


def test_attributes_win_over_words() -> None:
    (avatar,) = konomi.draw("red hair", hair_color="blue", size=64)
    assert avatar.condition == {"hair_color": "blue"}


def test_what_the_model_cannot_draw_is_told() -> None:
    (avatar,) = konomi.draw("a boy with brown hair", size=64, model="anime-1")
    assert avatar.condition["gender"] == "boy"
    assert any("cannot draw it yet: boy" in note for note in avatar.notes)
    (without,) = konomi.draw("brown hair", size=64, model="anime-1")
    assert np.array_equal(pixels(avatar), pixels(without))


def test_the_condition_changes_the_hair_and_the_seed_the_person() -> None:
    red, blue = (pixels(konomi.draw(hair_color=c, size=64)[0])[2:16, 16:48].mean(axis=(0, 1)) for c in ("red", "blue"))
    assert red[0] > blue[0] + 30
    assert blue[2] - blue[0] > red[2] - red[0] + 60  # dark blue, too, is bluer
    one, two = konomi.draw("red hair", count=2, size=64)
    assert np.abs(pixels(one) - pixels(two)).mean() > 3


def test_variety_nothing_gives_one_face() -> None:
    one, two = konomi.draw("red hair", count=2, size=64, variety=0, model="anime-1")
    assert np.array_equal(pixels(one), pixels(two))
    one, two = konomi.draw("red hair", count=2, size=64, variety=0, model="anime-2")  # what is not asked is guessed
    assert not np.array_equal(pixels(one), pixels(two))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"count": 0}, "count is 0; give a number from 1 to"),
        ({"count": 1_000_000}, "count is 1000000"),
        ({"seed": -1}, "whole number from 0"),
        ({"seed": MAX_SEED, "count": 2}, "pass the largest seed"),
        ({"size": 100}, "choose one of 64"),
        ({"variety": -0.1}, "variety is -0.1"),
        ({"hair_color": "purpel"}, "Did you mean 'purple'"),
        ({"hair_colour": "red"}, "Did you mean 'hair_color'"),
        ({"glasses": "yes"}, "give true, false, or a weight"),
        ({"model": "anima"}, "there is no model 'anima'. Published: anime-1"),
        ({"model": "none.onnx"}, "no model file"),
    ],
)
def test_bad_arguments_are_one_line(arguments: dict[str, object], told: str) -> None:
    with pytest.raises(KonomiError, match=told) as caught:
        konomi.draw("red hair", **arguments)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x07" * 1000])
def test_a_damaged_model_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.onnx").write_bytes(content)
    with pytest.raises(ModelError, match=r"not a readable ONNX model|not one of Konomi"):
        drawing.load_model(tmp_path / "m.onnx")


def test_a_published_model_with_another_hash_is_refused(tmp_path: Path) -> None:
    model = find_model("anime")
    (tmp_path / "m.onnx").write_bytes(model.path.read_bytes() + b" ")
    with pytest.raises(ModelError, match="not the published"):
        drawing.load_model(tmp_path / "m.onnx", name=model.name, sha256=model.sha256)


def test_published_models_are_what_the_list_says() -> None:
    numbers = [m.number for m in published("generator")]
    assert min(numbers) >= 1
    assert len(set(numbers)) == len(numbers)
    for model in published():
        assert file_sha256(model.path) == model.sha256
        assert model.path.stat().st_size <= 12_000_000
        card = model.card.read_text(encoding="utf-8")
        assert model.sha256 in card
        assert "Not stated yet" not in card
    assert {p.stem for p in FOLDER.glob("*.onnx")} == {m.name for m in published() if not m.network}
    assert {p.stem for p in FOLDER.glob("*.md")} == {m.name for m in published()}


def test_a_recipe_of_another_model_is_refused(asked: Condition, tmp_path: Path) -> None:
    (avatar,) = konomi.draw("red hair", size=64)
    avatar.recipe = Recipe("anime-1", "00" * 32, asked)
    avatar.save(tmp_path / "a.png")
    with pytest.raises(InputError, match="was drawn by anime-1 \\(000000000000"):
        api.recall(str(tmp_path / "a.png"))


def test_a_picture_without_a_recipe_is_told(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    with pytest.raises(FileError, match="carries no Konomi recipe"):
        api.recall(str(tmp_path / "a.png"))


def test_super_resolution_keeps_plain_colour_and_its_input() -> None:
    plain = Image.new("RGB", (16, 16), (200, 40, 90))
    large = enlarge(plain)
    assert large.size == (64, 64)
    assert np.abs(pixels(large) - (200, 40, 90)).max() <= 12
    assert np.array_equal(pixels(plain), pixels(Image.new("RGB", (16, 16), (200, 40, 90))))
    assert upscale(plain, 16) is plain
