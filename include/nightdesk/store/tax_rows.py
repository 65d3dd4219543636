"""Tax terms of the books, the trades of a taxpayer, and what decisions were told of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from nightdesk.accounting.ledger import Entry
from nightdesk.accounting.tax import TaxTerms, TaxTrade, TaxView, market_split, trades_of
from nightdesk.core.money import exact
from nightdesk.store.db import Connection
from nightdesk.store.rows import LATEST, read_row, read_rows


def keep_tax_terms(conn: Connection, book: str, terms: TaxTerms) -> None:
    """Store the tax terms that a started book has now."""
    read_rows(conn, "keep_tax_terms", book=book, **tax_terms_row(terms))


def tax_terms_row(terms: TaxTerms) -> dict[str, Any]:
    """Tax terms as their table holds them."""
    return {
        "taxpayer": terms.taxpayer,
        "lots": terms.method,
        "sales": json.dumps({sale: list(lots) for sale, lots in terms.sales.items()}),
        "crypto": sorted(terms.crypto),
        "wash_sales_of_crypto": terms.wash_sales_of_crypto,
    }


def tax_books(conn: Connection, taxpayer: str) -> dict[str, TaxTerms]:
    """The terms of all started books of a taxpayer, by name."""
    return {
        row["book"]: TaxTerms(
            taxpayer=row["taxpayer"],
            method=row["lots"],
            sales={sale: tuple(lots) for sale, lots in row["sales"].items()},
            crypto=frozenset(row["crypto"]),
            wash_sales_of_crypto=row["wash_sales_of_crypto"],
        )
        for row in read_rows(conn, "tax_books", taxpayer=taxpayer)
    }


def read_trades(conn: Connection, books: Sequence[str], last: datetime = LATEST) -> tuple[TaxTrade, ...]:
    """The trades of some books up to a decision, by book, each in the order of its ledger."""
    entries: dict[str, list[Entry]] = {}
    for row in read_rows(conn, "tax_entries", books=list(books), last=last):
        entries.setdefault(row.pop("book"), []).append(Entry(**row))
    return tuple(trade for book, own in entries.items() for trade in trades_of(book, own))


def read_splits(conn: Connection, symbols: Iterable[str], first: date, last: date) -> tuple[TaxTrade, ...]:
    """The splits of some symbols, as they are known now."""
    rows = read_rows(conn, "splits_since", symbols=sorted(set(symbols)), first=first, last=last)
    return tuple(market_split(row["symbol"], row["session"], exact(row["value"])) for row in rows)


def read_tax_view(conn: Connection, book: str, as_of: datetime) -> TaxView | None:
    """What the gate of a decision was told; None where it was told nothing."""
    row = read_row(conn, "tax_view", book=book, as_of=as_of)
    if row is None:
        return None
    return TaxView(_decimals(row["losses"]), row["day_trades"], _decimals(row["opened_today"]))


def tax_view_row(view: TaxView) -> dict[str, Any]:
    """A view as its table holds it."""
    return {
        "losses": _texts(view.losses),
        "opened_today": _texts(view.opened),
        "day_trades": view.day_trades,
    }


def _texts(amounts: Mapping[str, Decimal]) -> dict[str, str]:
    return {symbol: str(amount) for symbol, amount in amounts.items()}


def _decimals(texts: Mapping[str, str]) -> dict[str, Decimal]:
    return {symbol: Decimal(text) for symbol, text in texts.items()}
