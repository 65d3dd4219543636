"""`data-docs`: what Great Expectations said of a book's newest decisions, as pages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.machine_commands import database
from nightdesk.cli.options import BookName, Json
from nightdesk.cli.output import progress, show


@app.command(
    "data-docs",
    epilog=example("nightdesk data-docs multi_asset", "nightdesk data-docs multi_asset --out docs"),
)
def data_docs(
    book: BookName,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="The folder of the site, which is replaced; by default beside the pages of its sessions.",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Build the Data Docs of a book from what is stored, and say where they are.

    Great Expectations is asked of the newest session, when that is checked. The site has the last 30 of them,
    needs no network, and is built by the DAG `upkeep` each day too.
    """
    import os

    from nightdesk.cli.book_commands import open_book
    from nightdesk.machine.home import Home
    from nightdesk.session.data_docs import build_data_docs
    from nightdesk.session.report import data_docs_of

    name = open_book(book).name
    site = (data_docs_of(Home.find().reports, name) if out is None else out).absolute()
    with database() as conn, progress(f"building the Data Docs of {name}"):
        pages = build_data_docs(conn, name, site, os.environ)
    index = site / "index.html"
    show(
        {"book": name, "pages": pages, "index": str(index)},
        as_json=json,
        text=lambda: [f"{pages} pages, from {index}"],
    )
