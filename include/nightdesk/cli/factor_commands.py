"""`factors`: what strategies see, computed in memory."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.options import BookName, FeedName, First, Json, Last, check_span
from nightdesk.cli.output import show
from nightdesk.cli.whole_files import whole_file

if TYPE_CHECKING:
    import pandas as pd

    from nightdesk.core.book import Book

FORMATS = (".csv", ".csv.gz", ".parquet")


@app.command(
    epilog=example(
        "nightdesk factors multi_asset --from 2022-01-03 --to 2022-12-30 --feed files:bars --out f.parquet"
    )
)
def factors(
    book: BookName,
    first: First,
    last: Last,
    out: Annotated[Path, typer.Option("--out", help="FILE.parquet, FILE.csv or FILE.csv.gz.")],
    feed: FeedName = None,
    json: Json = False,
) -> None:
    """Write the factors of a book: session, symbol, a column each.

    Computed in memory from the book's origin on; no database is needed.
    """
    from nightdesk.cli.book_commands import open_book
    from nightdesk.core.errors import Refused

    check_span(first, last)
    if not out.name.endswith(FORMATS):
        raise Refused(f"{out}: cannot tell the format: end the name in one of {', '.join(FORMATS)}")
    frame = factor_frame(open_book(book), first, last, feed)
    with whole_file(out) as draft:
        if out.suffix == ".parquet":
            frame.to_parquet(draft, index=False)
        else:
            frame.to_csv(draft, index=False)
    columns = [name for name in frame.columns if name not in ("session", "symbol")]
    show(
        {"out": out, "rows": len(frame), "factors": columns},
        as_json=json,
        text=lambda: [f"{out}: {len(frame):,} rows of {len(columns)} factors"],
    )


def factor_frame(book: Book, first: date, last: date, feed: str | None = None) -> pd.DataFrame:
    """The factors of a book in long form.

    Parameters
    ----------
    book : Book
        Its universe and benchmark give the rows, each symbol from its first bar on.
    first, last : date
        Sessions of the result; the computation begins at the book's origin.
    feed : str, optional
        Name of the feed to use instead of the book's own.

    Returns
    -------
    DataFrame
        Columns session, symbol (of an hourly book as_of before them), then one per factor: the standard ones
        and those that the book itself needs. Not rounded, NaN where a factor is not defined or its bars are
        in quarantine.
    """
    import numpy as np
    import pandas as pd

    from nightdesk.engine import resolve
    from nightdesk.factors import STANDARD, compute
    from nightdesk.feeds.hourly_quality import sound_panel
    from nightdesk.research.backtest.data import origin_of, read_market
    from nightdesk.research.backtest.member_books import with_listed

    origin = origin_of(book, first)
    book = with_listed(book, origin, first, last)
    panel = read_market(book, origin, last, [feed] if feed else None).panel
    names = tuple(dict.fromkeys((*STANDARD, *resolve(book).factor_names)))
    sound = sound_panel(panel, book)
    arrays = compute(
        sound,
        names,
        benchmark=book.benchmark,
        universe=len(book.symbols),
        member=book.member_mask(sound.sessions),
    )
    wanted = panel.age >= 0
    wanted[panel.sessions < np.datetime64(first, "D")] = False
    if book.volatility_index not in book.symbols:
        wanted[:, panel.column(book.volatility_index)] = False
    row, column = np.nonzero(wanted)
    keys = {"session": panel.sessions[row].astype("datetime64[s]"), "symbol": np.array(panel.symbols)[column]}
    if panel.hours is not None:
        keys = {"as_of": panel.hours.instants[row], **keys}
    return pd.DataFrame(keys | {name: arrays[name][row, column] for name in names})
