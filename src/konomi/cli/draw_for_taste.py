"""`konomi draw --taste`: pictures for a profile, why each of them, and what to pick next."""

from pathlib import Path
from typing import Any

from konomi import api
from konomi.cli.attributes import Asked
from konomi.cli.console import out
from konomi.cli.draw import Writer, tell_asked
from konomi.schema import load_schema
from konomi.tasting.crowds import open_taste
from konomi.tasting.suggesting import draw_for


def draw_for_taste(
    profile: Path, crowd: Path | None, text: str, asked: Asked, settings: dict[str, Any], writer: Writer
) -> None:
    """Draw what words ask and the taste fills."""
    model = api.open_model(settings.pop("model"))
    known, taste = open_taste(profile, crowd)
    request = api.understand(text, asked.within(load_schema(model.schema.name)), schema_name=model.schema.name)
    avatars, why = draw_for(known, taste, model, request, **settings)
    paths = [writer.write(avatar, f"avatar-{avatar.seed}") for avatar in avatars]
    sheet = writer.sheet(avatars)
    if writer.as_json:
        return
    if text.strip() or asked:
        tell_asked(request.condition.to_dict(), avatars[0])
    for avatar, path in zip(avatars, paths, strict=True):
        chance = f"{avatar.chance:.0%} over an average one"
        out.print(f"{path}   code {avatar.code}   {avatar.because}; {chance}", markup=False)
    if sheet:
        out.print(f"{sheet}   all on one sheet", markup=False)
    out.print(f"say which you like:  konomi taste tell {profile} --like {paths[0]}", markup=False)
    out.print(f"pick on:             konomi taste {profile}   ({why})", markup=False)
