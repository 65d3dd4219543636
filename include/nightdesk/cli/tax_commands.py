"""`tax`: Form 8949 of a year, from the stored ledger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.machine_commands import database
from nightdesk.cli.options import BookName, Json
from nightdesk.cli.output import show, table
from nightdesk.cli.whole_files import whole_file

if TYPE_CHECKING:
    from nightdesk.accounting.tax import Form
    from nightdesk.session.tax import TaxYears

Year = Annotated[int, typer.Option("--year", metavar="Y", help="The tax year, as 2025.", show_default=False)]
File = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Write the form here as CSV.", show_default=False),
]


@app.command(epilog=example("nightdesk tax multi_asset --year 2025 --out build/form_8949.csv"))
def tax(book: BookName, year: Year, out: File = None, json: Json = False) -> None:
    """Make Form 8949 of a year from the stored ledger: short and long term apart, with their totals.

    Wash sales are matched over all books of the same taxpayer; the lines are those of this book.
    """
    from nightdesk.accounting.tax import form_8949
    from nightdesk.cli.book_commands import open_book
    from nightdesk.core.errors import Refused
    from nightdesk.session.tax import tax_years
    from nightdesk.store.book_rows import started_books

    named = open_book(book)
    this_year = datetime.now(UTC).year
    if year > this_year:
        raise Refused(f"{year} has not begun: the newest tax year is {this_year}")
    with database() as conn:
        started = [record.book for record in started_books(conn)]
        if named.name not in started:
            raise Refused(
                f"book {named.name!r} was never started: started books are {', '.join(started) or 'none'}"
            )
        found = tax_years(conn, named)
    own = [one for one in found.ledger.disposals if one.book == named.name]
    form = form_8949(own, year, found.ledger.terms)
    if not form.rows:
        years = ", ".join(map(str, found.years(named.name)))
        raise Refused(f"{named.name} sold nothing in {year}: it sold in {years or 'no year yet'}")
    if out is not None:
        with whole_file(out) as draft:
            draft.write_text(form.csv(), encoding="utf-8")
    document = _document(found, form, named.name, paper=named.simulated) | {"out": out}
    show(document, as_json=json, text=lambda: _told(document))


def _document(found: TaxYears, form: Form, book: str, *, paper: bool) -> dict[str, Any]:
    from nightdesk.accounting.tax import settled_on
    from nightdesk.accounting.tax.boxes import SCHEDULE_D

    own = [one for one in found.ledger.disposals if one.book == book and one.sold.year == form.year]
    return {
        "book": book,
        "year": form.year,
        "taxpayer": found.ledger.terms[book].taxpayer,
        "books": list(found.books),
        "paper": paper,
        "rows": [{name: getattr(row, name) for name in row.__slots__} for row in form.rows],
        "totals": [
            {name: getattr(sums, name) for name in sums.__slots__}
            for sums in (form.totals("I"), form.totals("II"))
        ],
        "boxes": [
            {name: getattr(sums, name) for name in sums.__slots__} | {"schedule_d_line": SCHEDULE_D[sums.box]}
            for sums in form.boxes
        ],
        "collectibles_gain": form.collectibles_gain,
        "collectibles": sorted(found.ledger.terms[book].collectibles),
        "partnership_lines": form.partnership_lines,
        "final_from": settled_on(own, form.year),
        "short_losses": sum(1 for one in own if one.short and one.gain < 0),
        "without_cost": sum(1 for one in own if not one.basis),
    }


def _told(document: Mapping[str, Any]) -> Iterator[str]:
    from nightdesk.alerts.figures import money

    yield f"{document['book']}, Form 8949 of {document['year']}, taxpayer {document['taxpayer']}"
    if document["paper"]:
        yield "a paper account: nothing of this was really earned"
    yield ""
    names = ("proceeds", "cost", "adjustment", "gain")
    if document["out"] is None:
        heads = (
            "part",
            "box",
            "description",
            "acquired",
            "sold",
            "proceeds",
            "cost",
            "code",
            "adjustment",
            "gain",
        )
        yield from table(
            heads,
            [
                [money(row[one]) if one in names else str(row[one]) for one in heads]
                for row in document["rows"]
            ],
            right=names,
        )
        yield ""
    terms = {"I": "short term (Schedule D, Part I)", "II": "long term (Schedule D, Part II)"}
    yield from table(
        ("totals", "lines", *names),
        [
            (terms[sums["part"]], str(sums["lines"]), *(money(sums[one]) for one in names))
            for sums in document["totals"]
        ],
        right=("lines", *names),
    )
    yield ""
    yield from table(
        ("box", "Schedule D", "lines", *names),
        [
            (
                sums["box"],
                f"line {sums['schedule_d_line']}",
                str(sums["lines"]),
                *(money(sums[one]) for one in names),
            )
            for sums in document["boxes"]
        ],
        right=("lines", *names),
    )
    yield from _notes(document)


def _notes(document: Mapping[str, Any]) -> Iterator[str]:
    """What a person must know before the form is used."""
    from nightdesk.alerts.figures import money

    others = [one for one in document["books"] if one != document["book"]]
    looked = f"together with {', '.join(others)}" if others else "in this book alone"
    yield ""
    yield f"wash sales were looked for {looked}"
    final_from: date | None = document["final_from"]
    if final_from is not None and final_from > datetime.now(UTC).date():
        yield f"not final before {final_from}: until then a purchase can still disallow a loss of the year"
    if document["paper"]:
        yield "boxes C, F, I and L: a paper account is on no form of a broker"
    else:
        yield "the boxes are what the broker is expected to report: its Forms 1099-B and 1099-DA decide"
    if any("C" in row["code"] for row in document["rows"]):
        gain = money(document["collectibles_gain"], signed=True)
        yield f"collectibles held for over a year: {gain}, for the 28 % Rate Gain Worksheet of Schedule D"
    if document["partnership_lines"]:
        count = document["partnership_lines"]
        yield (
            f"{count} lines of partnerships: cost and gain lack what their Schedules K-1 add and take away; "
            "their 60/40 gains come with the K-1, on Form 6781, and are not in here"
        )
    if document["short_losses"]:
        count = document["short_losses"]
        yield f"{count} losses on short sales: wash sales of short sales (section 1091(e)) are not looked for"
    if document["without_cost"]:
        yield f"{document['without_cost']} lines without a cost: units that were adopted from the broker"
    if document["out"] is not None:
        yield f"written to {document['out']}"
