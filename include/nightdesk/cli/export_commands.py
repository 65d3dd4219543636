"""`export`: tables of the store as Parquet files."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.machine_commands import database
from nightdesk.cli.options import Json, check_span, day_option
from nightdesk.cli.output import show
from nightdesk.core.errors import Refused


@app.command(
    epilog=example(
        "nightdesk export --list",
        "nightdesk export bars --out build/bars.parquet",
        "nightdesk export orders --book multi_asset --from 2025-01-02 --to 2025-12-31 --out s3://BUCKET/orders.parquet",
    )
)
def export(
    table: Annotated[str | None, typer.Argument(help="A table or view of the store.")] = None,
    out: Annotated[str | None, typer.Option(metavar="PLACE", help="A file, or s3://BUCKET/KEY.")] = None,
    first: Annotated[date | None, day_option("--from", "First day of its rows.")] = None,
    last: Annotated[date | None, day_option("--to", "Last day of its rows.")] = None,
    book: Annotated[str | None, typer.Option(metavar="BOOK", help="Rows of this book alone.")] = None,
    versions: Annotated[
        bool, typer.Option("--versions", help="Rows that a later version took the place of, too.")
    ] = False,
    listed: Annotated[bool, typer.Option("--list", help="Name the tables and views.")] = False,
    json: Json = False,
) -> None:
    """Write a table or view of the store as a Parquet file, here or in an object store.

    The file is there when it is whole, or not at all. Bars and corporate actions are read back by the feed
    files:PLACE. The keys of a store come from the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
    AWS_ENDPOINT_URL for another one than Amazon's).
    """
    from nightdesk.operations.export import export as written
    from nightdesk.store.exporting import tables

    if listed:
        with database() as conn:
            names = tables(conn)
        show({"tables": names}, as_json=json, text=lambda: names)
        return
    if table is None or out is None:
        raise Refused("name a table and where it goes (--out); `nightdesk export --list` names the tables")
    if (first is None) != (last is None):
        raise Refused("a span has two ends: give --from and --to, or neither for all rows")
    span = None if first is None or last is None else (first, last)
    if span is not None:
        check_span(*span)
    with database() as conn:
        count = written(conn, table, out, span=span, book=book, versions=versions)
    show(
        {"table": table, "rows": count, "out": out},
        as_json=json,
        text=lambda: [f"{table}: {count:,} rows in {out}"],
    )
