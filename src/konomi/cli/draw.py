"""Drawing and looking: draw, show, models, version."""

import csv
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Optional

import typer
from rich.table import Table

from konomi import __version__
from konomi.cli.attributes import Asked, asked_of, with_attributes
from konomi.cli.console import app, following, out
from konomi.errors import FileError, InputError, shorten
from konomi.fields import field_of
from konomi.recipe import SIZES, VARIETY
from konomi.schema import Schema, load_schema


@app.command()
@with_attributes
def draw(
    context: typer.Context,
    text: Annotated[
        Optional[str], typer.Argument(help="What to draw, in English or Japanese.", show_default=False)
    ] = None,
    count: Annotated[int, typer.Option(help="How many; picture i has seed + i.")] = 1,
    seed: Annotated[int, typer.Option(help="The same seed and words give the same picture for ever.")] = 0,
    size: Annotated[int, typer.Option(help=f"Pixels: {', '.join(map(str, SIZES))}.")] = 256,
    variety: Annotated[float, typer.Option(help="0 the average face, 1 everything that was learned.")] = VARIETY,
    candidates: Annotated[
        Optional[int],
        typer.Option(
            help="Draw each picture up to so many times and keep what shows best what was asked; 1 turns it off. By "
            "default 8, for models with a judge of their own.",
            show_default=False,
        ),
    ] = None,
    taste: Annotated[
        Optional[Path],
        typer.Option(help="A profile, from konomi taste: it fills what words leave open.", show_default=False),
    ] = None,
    crowd: Annotated[
        Optional[Path], typer.Option(help="Where the profile's crowd lies now, if it has moved.", show_default=False)
    ] = None,
    folder: Annotated[Path, typer.Option("--out", help="Folder for the pictures, or the file of a single one.")] = Path(
        "avatars"
    ),
    model: Annotated[str, typer.Option(help="A model's name (see 'konomi models') or an .onnx file.")] = "anime",
    file_format: Annotated[str, typer.Option("--format", help="png or webp.")] = "png",
    source: Annotated[
        Optional[str], typer.Option("--from", help="Redraw a picture FILE or share CODE exactly.")
    ] = None,
    batch: Annotated[
        Optional[str], typer.Option(help="Descriptions from a FILE, or - for standard input: one a line, or CSV.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a picture.")] = False,
    metadata: Annotated[bool, typer.Option("--metadata/--no-metadata", help="Write the recipe into the files.")] = True,
    **attributes: Any,
) -> None:
    """Draw avatars from words, from attributes, or both.

    \b
    konomi draw "a girl with long silver hair, red eyes and glasses" --count 6
    konomi draw "銀髪で赤い目、眼鏡をかけた女の子"
    konomi draw --hair-color pink --eye-color green --no-hat --seed 7
    konomi draw --set smile=0.5 --set hair_color.blonde=0.6 --set hair_color.pink=0.4
    konomi draw --from avatars/avatar-7.png --size 512
    konomi draw --batch people.csv --json
    konomi draw --taste me.json "glasses" --count 6
    """
    asked = asked_of(attributes)
    writer = Writer(folder, file_format, as_json, metadata, many=count > 1 or batch is not None)
    if taste is None and crowd is not None:
        raise InputError("--crowd goes with --taste")
    described = text is not None or asked or taste is not None
    if sum(bool(x) for x in (described, source is not None, batch is not None)) != 1:
        if text is None and not asked and source is None and batch is None:
            raise InputError(
                'nothing to draw: give a description, as in konomi draw "blue hair", attributes, --from or --batch'
            )
        raise InputError(
            "give either a description (with attributes, with --taste), or --from, or --batch, not several of them"
        )
    settings: dict[str, Any] = {"count": count, "seed": seed, "size": size, "variety": variety, "model": model}
    settings["candidates"] = candidates
    if source is not None:
        given = {name for name in settings if getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"}
        _redraw(source, {name: settings[name] for name in given}, writer)
    elif batch is not None:
        _draw_batch(batch, settings, writer)
    elif taste is not None:
        from konomi.cli.draw_for_taste import draw_for_taste

        draw_for_taste(taste, crowd, text or "", asked, settings, writer)
    else:
        _draw_one(text or "", asked, settings, writer)


class Writer:
    """Writes pictures and prints what was drawn.

    `place` is their folder. If it ends in .png or .webp and is no folder, it is the file of the only picture.
    """

    def __init__(self, place: Path, file_format: str, as_json: bool, with_recipe: bool, *, many: bool) -> None:
        from konomi.metadata import FORMATS

        self.file = place if place.suffix[1:].lower() in FORMATS and not place.is_dir() else None
        if self.file and many:
            raise InputError(f"--out {shorten(str(place))} names one file for several pictures; name a folder")
        if self.file:
            file_format = self.file.suffix[1:].lower()
        folder = self.file.parent if self.file else place
        if file_format not in FORMATS:
            raise InputError(f"format is {shorten(file_format)!r}; choose one of {', '.join(FORMATS)}")
        self.folder, self.format, self.as_json, self.with_recipe = folder, file_format, as_json, with_recipe

    def write(self, avatar: Any, name: str) -> Path:
        from konomi.files import make_folder, write_bytes

        path = make_folder(self.folder) / (self.file.name if self.file else f"{name}.{self.format}")
        write_bytes(path, avatar.encoded(self.format, with_recipe=self.with_recipe))
        if self.as_json:
            row = {
                "file": str(path), "seed": avatar.seed, "model": avatar.recipe.model, "condition": avatar.condition,
                "unused": list(avatar.unused), "notes": list(avatar.notes), "size": avatar.recipe.size,
                "code": avatar.code, "recipe": avatar.recipe.to_dict(),
                "verdicts": [
                    {"slot": v.slot, "wanted": v.wanted, "drawn": v.drawn, "probability": round(v.probability, 3)}
                    for v in avatar.verdicts
                ],
            }  # fmt: skip
            if avatar.chance is not None:
                row |= {"because": avatar.because, "chance": round(avatar.chance, 3)}
            print(json.dumps(row, ensure_ascii=False), flush=True)
        return path

    def sheet(self, avatars: list[Any]) -> Path | None:
        from konomi.files import whole
        from konomi.images import sheet

        if len(avatars) < 2:
            return None
        path = self.folder / "sheet.png"
        with whole(path) as temporary:
            sheet(avatars, gap=max(2, avatars[0].width // 32)).save(temporary, "PNG")
        return path


def _draw_one(text: str, asked: Asked, settings: dict[str, Any], writer: Writer) -> None:
    from konomi import api

    model = api.open_model(settings.pop("model"))
    if not text.strip() and not asked:
        raise InputError('the description is empty; say what to draw, as in "short blue hair, green eyes"')
    schema = load_schema(model.schema.name)
    request = api.understand(text, asked.within(schema), schema_name=schema.name)
    count = settings["count"]
    drawn = api.draw_request(request, model, **settings)
    avatars, paths = [], []
    for avatar in following(drawn, count, what="drawing") if count > 8 else drawn:
        paths.append(writer.write(avatar, f"avatar-{avatar.seed}"))
        avatars.append(avatar)
    sheet = writer.sheet(avatars[:256])
    if not writer.as_json:
        tell(avatars, paths, sheet)


def tell(avatars: list[Any], paths: list[Path], sheet: Path | None) -> None:
    tell_asked(avatars[0].condition, avatars[0])
    for avatar, path in list(zip(avatars, paths, strict=True))[:12]:
        out.print(f"{path}   code {avatar.code}{_failed(avatar)}", markup=False)
    if len(paths) > 12:
        out.print(f"... and {len(paths) - 12} more in {paths[0].parent}", markup=False)
    if sheet:
        out.print(f"{sheet}   all on one sheet", markup=False)


def tell_asked(condition: dict[str, Any], avatar: Any) -> None:
    """What was understood of the description, and what was not."""
    out.print(f"understood: {_readable(condition)}", markup=False)
    if avatar.unused:
        out.print(f"not used:   {', '.join(avatar.unused)}", markup=False)
    for note in avatar.notes:
        out.print(f"note:       {note}", markup=False)


def _failed(avatar: Any) -> str:
    failed = [
        f"{'' if v.wanted else 'no '}{v.slot.replace('_', ' ').replace('.', ' ')} ({v.probability:.0%})"
        for v in avatar.verdicts
        if not v.drawn
    ]
    return f"   could not: {', '.join(failed)}" if failed else ""


def _readable(condition: dict[str, Any]) -> str:
    words = []
    for name, value in condition.items():
        plain = name.replace("_", " ")
        if value is True:
            words.append(plain)
        elif value is False:
            words.append(f"no {plain}")
        elif isinstance(value, dict):
            words.append(f"{plain} " + " + ".join(f"not {v}" if not w else f"{v} {w:.0%}" for v, w in value.items()))
        else:
            words.append(f"{plain} {value if isinstance(value, str) else format(value, '.0%')}")
    return ", ".join(words) or "nothing (the model chooses everything)"


def _redraw(source: str, given: dict[str, Any], writer: Writer) -> None:
    """Draw a recipe again; what stands on the command line (size, seed, variety) takes its place in it."""
    from dataclasses import replace

    from konomi import api

    if given.pop("count", 1) != 1:
        raise InputError("--from draws one picture again; --count does not go with it")
    if "candidates" in given:
        raise InputError("--from draws one picture again, as it was; --candidates does not go with it")
    recipe, model = api.recall(source, model=given.pop("model", None))
    (avatar,) = api.draw_recipes([replace(recipe, **given, versions=api.versions())], model)
    path = writer.write(avatar, f"avatar-{avatar.seed}")
    if not writer.as_json:
        tell([avatar], [path], None)


def _draw_batch(batch: str, settings: dict[str, Any], writer: Writer) -> None:
    from konomi import api

    text, model = _batch_text(batch), api.open_model(settings.pop("model"))
    rows = list(read_batch(text, batch, load_schema(model.schema.name)))
    if not rows:
        raise InputError(f"{batch} holds no descriptions")
    requests = [_understand_row(number, text, asked, model.schema.name) for number, text, asked in rows]
    avatars: list[Any] = []
    total = 0
    for number, request in following(list(enumerate(requests, start=1)), len(requests), what="drawing"):
        for avatar in api.draw_request(request, model, **settings):
            writer.write(avatar, f"{number:04d}-{avatar.seed}")
            total += 1
            if len(avatars) < 256:
                avatars.append(avatar)
    sheet = writer.sheet(avatars)
    if not writer.as_json:
        out.print(f"{total} pictures of {len(requests)} descriptions in {writer.folder}", markup=False)
        if sheet:
            out.print(f"{sheet}   {'the first 256' if total > 256 else 'all'} on one sheet", markup=False)


def _understand_row(number: int, text: str, asked: dict[str, Any], schema: str) -> Any:
    from konomi import api

    try:
        return api.understand(text, asked, schema_name=schema)
    except InputError as error:
        raise InputError(f"description {number}: {error}") from None


def _batch_text(batch: str) -> str:
    from konomi.files import reporting

    with reporting("read", Path(batch)):
        data = sys.stdin.buffer.read() if batch == "-" else Path(batch).read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(f"{batch} is not UTF-8 text: {error}") from None


def read_batch(text: str, name: str, schema: Schema) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Descriptions, as (number, text, attributes): one a line, or CSV with a header.

    It is CSV if the first line is a header: a column `text`, or only names of attributes. Empty lines are left out.
    """
    lines = text.splitlines()
    header = [h.strip() for h in next(csv.reader(lines[:1]), [])]
    known = {a.name for a in schema.attributes}
    if not ("text" in header or (header and set(header) <= known)):
        yield from ((i, line.strip(), {}) for i, line in enumerate(filter(str.strip, lines), start=1))
        return
    if extra := set(header) - known - {"text"}:
        raise InputError(
            f"{name} has unknown columns: {', '.join(sorted(extra))}. Known: text, {', '.join(sorted(known))}."
        )
    for number, row in enumerate(csv.DictReader(io.StringIO(text)), start=1):
        asked = {k.strip(): v.strip() for k, v in row.items() if k and v and v.strip() and k.strip() != "text"}
        yield number, (row.get("text") or "").strip(), {k: field_of(schema.attribute(k), v) for k, v in asked.items()}


@app.command()
def show(
    file: Annotated[str, typer.Argument(help="A picture drawn by Konomi, or a share code.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the recipe as JSON.")] = False,
) -> None:
    """Print the recipe inside a picture, or behind a share code.

    \b
    konomi show avatars/avatar-7.png
    """
    from konomi import api

    recipe = api.read_recipe(Path(file)) if Path(file).suffix or Path(file).exists() else api.recall(file)[0]
    if as_json:
        print(recipe.to_json())
        return
    row = recipe.to_dict()
    row["condition"] = _readable(row["condition"])
    row["versions"] = ", ".join(f"{k} {v}" for k, v in row["versions"].items())
    for name, text in row.items():
        out.print(f"{name:>13}  {text}", markup=False)


@app.command()
def models() -> None:
    """List the published models."""
    from konomi.models import published

    table = Table("name", "kind", "MB", "licence", "what it is", box=None)
    for model in published():
        table.add_row(model.name, model.kind, f"{model.path.stat().st_size / 1e6:.1f}", model.licence, model.summary)
    out.print(table)


@app.command()
def version() -> None:
    """Print the version."""
    out.print(__version__)
