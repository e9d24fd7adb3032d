"""Correcting tags by eye, in the browser."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from konomi.cli.console import app, need, out


@app.command()
def review(
    folder: Annotated[Path, typer.Argument(help="A stage folder.")],
    labels: Annotated[Path, typer.Option(help="The label CSV that judgements are appended to.")] = Path("labels.csv"),
    tag: Annotated[
        Optional[str], typer.Option(help="Sweep: judge one tag of many faces at once, as glasses or hair_color.silver.")
    ] = None,
    order: Annotated[
        Optional[str], typer.Option(help="file, uncertain, highest or lowest; the last two go with --tag.")
    ] = None,
    port: Annotated[
        Optional[int], typer.Option(min=0, max=65535, help="By default 8765, or the next one that is free.")
    ] = None,
    lang: Annotated[str, typer.Option(help="Language of the page: en or ja.")] = "en",
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in the browser.")] = True,
) -> None:
    """Look at faces and correct their tags in the browser, by keyboard; only this machine can reach the page.

    \b
    konomi review runs/data/faces-tagged --labels labels/faces.csv
    konomi review runs/data/faces-tagged --labels labels/faces.csv --tag glasses --order uncertain
    """
    need("web", "fastapi", "uvicorn", "jinja2")
    from konomi.web.app import Config, create_app
    from konomi.web.review import address
    from konomi.web.serve import listen, run, url_of

    application = create_app(Config(folder, labels))
    asked = {"tag": tag, "order": order, "lang": lang}
    path = address(application.state.desk, {name: given for name, given in asked.items() if given is not None})
    with listen(port) as listening:
        url = url_of(listening, path)
        out.print(f"{url}\njudgements are added to {labels}; Ctrl-C stops", markup=False)
        run(application, listening, show=url if open_browser else None)
    out.print(f"stopped; every judgement is in {labels}", markup=False)
