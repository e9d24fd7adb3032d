"""Going on from a picture: vary, mix, edit."""

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from konomi.cli.attributes import asked_of, with_attributes
from konomi.cli.console import app
from konomi.cli.draw import Writer, tell
from konomi.errors import InputError
from konomi.refining import STEPS, STRENGTH
from konomi.schema import load_schema

Source = Annotated[str, typer.Argument(help="A picture drawn by Konomi, or a share code.")]
Folder = Annotated[Path, typer.Option("--out", help="Folder for the pictures, or the file of a single one.")]
Format = Annotated[str, typer.Option("--format", help="png or webp.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object a picture.")]
Model = Annotated[Optional[str], typer.Option(help="The .onnx file, for a picture of a model that is not published.")]


@app.command()
def vary(
    source: Source,
    count: Annotated[int, typer.Option(help="How many neighbours.")] = 8,
    strength: Annotated[float, typer.Option(help="From near 0 (hardly changed) to 1 (somebody else).")] = STRENGTH,
    seed: Annotated[int, typer.Option(help="Another number gives other neighbours.")] = 0,
    folder: Folder = Path("avatars"),
    model: Model = None,
    file_format: Format = "png",
    as_json: Json = False,
) -> None:
    """Draw near neighbours of a picture: the same words, a slightly different person.

    \b
    konomi vary avatars/avatar-7.png
    konomi vary CODE --count 12 --strength 0.2
    """
    from konomi import api, refining

    recipe, opened = api.recall(source, model=model)
    _write(
        refining.vary(recipe, count=count, strength=strength, seed=seed), opened, "vary", folder, file_format, as_json
    )


@app.command()
def mix(
    one: Source,
    other: Annotated[str, typer.Argument(help="Another one, by the same model.")],
    steps: Annotated[int, typer.Option(help="How many pictures, both ends included.")] = STEPS,
    folder: Folder = Path("avatars"),
    model: Model = None,
    file_format: Format = "png",
    as_json: Json = False,
) -> None:
    """Draw the steps from one picture to another.

    \b
    konomi mix avatars/avatar-7.png avatars/avatar-9.png --steps 5
    """
    from konomi import api

    (first, opened), (last, _) = api.recall(one, model=model), api.recall(other, model=model)
    _write(api.mixed(first, last, opened, steps=steps), opened, "mix", folder, file_format, as_json)


@app.command()
@with_attributes
def edit(
    source: Source,
    text: Annotated[Optional[str], typer.Argument(help="What to change, in words.", show_default=False)] = None,
    drop: Annotated[
        Optional[list[str]], typer.Option(help="Let the model choose this attribute again; may be repeated.")
    ] = None,
    folder: Folder = Path("avatars"),
    model: Model = None,
    file_format: Format = "png",
    as_json: Json = False,
    **attributes: Any,
) -> None:
    """Change something about a picture and keep the person.

    \b
    konomi edit avatars/avatar-7.png --hair-color blue
    konomi edit CODE "glasses, short hair"
    konomi edit CODE --drop hat
    """
    from konomi import api

    recipe, opened = api.recall(source, model=model)
    asked = asked_of(attributes).within(load_schema(opened.schema.name))
    request = api.understand(text or "", asked, schema_name=opened.schema.name)
    changes = request.condition.to_dict() | dict.fromkeys(drop or ())
    if not changes:
        raise InputError(f"nothing to change{': ' + request.notes[-1] if request.notes else ''}; name an attribute")
    changed, notes = api.edited(recipe, opened, changes)
    told = {"unused": request.unused, "notes": request.notes + notes}
    _write([changed], opened, "edit", folder, file_format, as_json, **told)


def _write(
    recipes: list[Any], model: Any, what: str, folder: Path, file_format: str, as_json: bool, **told: Any
) -> None:
    from konomi import api

    writer = Writer(folder, file_format, as_json, True, many=len(recipes) > 1)
    avatars, paths = [], []
    for number, avatar in enumerate(api.draw_recipes(recipes, model, **told), start=1):
        name = f"{what}-{recipes[0].seed}" + (f"-{number}" if len(recipes) > 1 else "")
        paths.append(writer.write(avatar, name))
        avatars.append(avatar)
    sheet = writer.sheet(avatars)
    if not as_json:
        tell(avatars, paths, sheet)
