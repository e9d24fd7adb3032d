"""Konomi in the browser, for everybody."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from konomi.cli.console import app, need, out


@app.command()
def studio(
    folder: Annotated[
        Optional[Path],
        typer.Option(help="For history and favourites; by default a folder of your own.", show_default=False),
    ] = None,
    model: Annotated[str, typer.Option(help="A published model's name; see 'konomi models'.")] = "anime",
    port: Annotated[
        Optional[int], typer.Option(min=0, max=65535, help="By default 8765, or the next one that is free.")
    ] = None,
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in the browser.")] = True,
) -> None:
    """Describe somebody, choose, refine, download, in the browser; only this machine can reach the page.

    \b
    konomi studio
    konomi studio --folder runs/studio --port 9000 --no-open
    """
    need("web", "fastapi", "uvicorn", "jinja2")
    from konomi.web.serve import listen, run, url_of
    from konomi.web.studio.album import opened, own_folder
    from konomi.web.studio.app import create_studio_app

    place = folder or own_folder()
    with opened(place) as album, listen(port) as listening:
        url = url_of(listening)
        out.print(f"{url}\nhistory and favourites are kept in {place}; Ctrl-C stops", markup=False)
        if album.damaged:
            out.print(f"the old history could not be read; it is kept as {album.damaged}", markup=False)
        run(create_studio_app(album, model=model), listening, show=url if open_browser else None)
