"""Pictures as bytes: for the pages, to download, and back in again."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from konomi.errors import InputError, KonomiError
from konomi.metadata import recipe_of
from konomi.recipe import Recipe
from konomi.schema import load_schema
from konomi.web.studio.shapes import archive, contact_sheet, rounded
from konomi.web.studio.verbs import Person
from konomi.web.studio.visit import AnyVisit, Visit

router = APIRouter()
LARGEST = 16_000_000  # bytes of a picture that is dropped
MOST = 64  # pictures on a sheet
SHEET = 256  # pixels of each
FOR_GOOD = {"Cache-Control": "private, max-age=31536000, immutable"}  # a code is the same picture for ever
TYPES = {"png": "image/png", "webp": "image/webp"}
Size = Literal["64", "128", "256", "512"]


def _image(data: bytes) -> Response:
    return Response(data, media_type="image/png", headers=FOR_GOOD)


@router.get("/portrait/{code}.png")
async def portrait(visit: AnyVisit, code: str, size: Size = "256") -> Response:
    """The picture of a share code."""
    async with visit.board.turn(visit.request):
        return _image(await visit.board.file(code, int(size)))


@router.get("/wish/{code}.png")
async def wish(visit: AnyVisit, code: str, size: Size = "256") -> Response:
    """The best candidate of a gallery's portrait."""
    async with visit.board.turn(visit.request):
        return _image(await visit.board.file(await visit.board.settled(code), int(size)))


@router.get("/take/{code}")
async def take(
    visit: AnyVisit,
    code: str,
    size: Size = "512",
    file_format: Annotated[Literal["png", "webp"], Query(alias="format")] = "png",
    shape: Literal["square", "round"] = "square",
) -> Response:
    """A picture to keep."""
    data = await visit.board.file(code, int(size), file_format)
    if shape == "round":
        data = await run_in_threadpool(rounded, data, file_format)
    return _attached(data, TYPES[file_format], f"konomi-{code[:16]}.{file_format}")


def _attached(data: bytes, kind: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(data, media_type=kind, headers=headers)


@router.get("/sheet.png")
async def sheet(
    visit: AnyVisit,
    code: Annotated[list[str] | None, Query()] = None,
    wish: Annotated[list[str] | None, Query()] = None,
) -> Response:
    """Several portraits on one picture."""
    codes, wishes = code or [], wish or []
    if not 1 <= len(codes) + len(wishes) <= MOST:
        raise InputError(f"a sheet has 1 to {MOST} portraits, not {len(codes) + len(wishes)}")
    return await _sheet(visit, [*codes, *[await visit.board.settled(one) for one in wishes]])


async def _sheet(visit: Visit, codes: list[str], name: str = "konomi-sheet.png") -> Response:
    pictures = [await visit.board.picture(one, SHEET) for one in codes]
    return _attached(await run_in_threadpool(contact_sheet, pictures), "image/png", name)


@router.get("/moods/{code}")
async def moods(
    visit: AnyVisit, code: str, size: Size = "512", kind: Annotated[Literal["zip", "sheet"], Query(alias="as")] = "zip"
) -> Response:
    """One person in several moods, as files in an archive or on one sheet."""
    board = visit.board
    recipe, model = board.read(code)
    expressions = Person(recipe, model, recipe.condition).expressions()
    if not expressions:
        raise InputError(f"{model.name} knows no expressions")
    codes = {name: board.code(one, model) for name, one in expressions.items()}
    if kind == "sheet":
        return await _sheet(visit, list(codes.values()), "konomi-expressions.png")
    files = {f"{name}.png": await board.file(one, int(size)) for name, one in codes.items()}
    return _attached(archive(files), "application/zip", "konomi-expressions.zip")


@router.post("/restore")
async def restore(visit: AnyVisit) -> Response:
    """The address of the portrait whose picture was dropped."""
    data = await visit.request.body()
    try:
        text = await run_in_threadpool(recipe_of, data, name="this picture")
        code = visit.board.code(*visit.board.model_of(Recipe.from_json(text, load_schema)))
    except KonomiError as error:
        raise InputError(visit.say["not_ours"].format(told=error)) from error
    return JSONResponse({"address": f"/portrait/{code}"})


@router.post("/favourites")
async def favour(visit: AnyVisit) -> Response:
    """Put a portrait among the favourites, or take it away."""
    form = await visit.form()
    code, on = form.get("code", ""), form.get("on") == "yes"
    if "wish" in form:
        code = await visit.board.settled(form["wish"])
    visit.album.favour(visit.board.canonical(code) if on else code, on=on)
    if "text/html" in visit.request.headers.get("accept", ""):
        return RedirectResponse(visit.came_from or "/album", 303)
    return JSONResponse({"code": code, "on": on, "count": len(visit.album.kept.favourites)})


@router.post("/forget")
def forget(visit: AnyVisit) -> Response:
    """Clear the history."""
    visit.album.forget()
    return RedirectResponse("/album", 303)
