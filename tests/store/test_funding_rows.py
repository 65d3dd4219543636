"""Funding rates in the store: by source and version, as each book could know them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from tests.conftest import open_connection

from nightdesk.core.funding import FundingHistory, FundingRate
from nightdesk.store.db import Connection, now
from nightdesk.store.funding_rows import (
    StoredRate,
    funding_changed,
    funding_known,
    funding_reach,
    save_funding,
)
from nightdesk.store.rows import add_rows

PERPETUAL = "BTCUSDT-PERP"
BEGIN = datetime(2022, 3, 1, tzinfo=UTC)
AT_BINANCE, AT_BYBIT = {PERPETUAL: "binance"}, {PERPETUAL: "bybit"}


def history(*rates: tuple[int, str], known: int = 0) -> FundingHistory:
    """Rates at hours after the beginning, known some hours later."""
    made = []
    for hours, rate in rates:
        at = BEGIN + timedelta(hours=hours)
        made.append(FundingRate(PERPETUAL, at, at + timedelta(hours=known), Decimal(rate)))
    return FundingHistory(tuple(made), frozenset({PERPETUAL}))


def known(conn: Connection, sources: dict[str, str]) -> list[tuple[int, str, bool]]:
    """Hours after the beginning, rate, and whether its source had told that instant before."""
    end = now(conn)
    found: tuple[StoredRate, ...] = funding_known(
        conn,
        sources,
        first=BEGIN,
        lately=BEGIN,
        as_of=end,
        known_from=end,
        known_by=end,
        known_before=BEGIN,
        stored_before=BEGIN,
    )
    return [
        (round((one.version.instant - BEGIN).total_seconds() / 3600), str(one.version.rate), one.revised)
        for one in found
    ]


def test_books_that_name_different_sources_of_a_perpetual_read_their_own(database: str) -> None:
    with open_connection(database) as conn:
        assert save_funding(conn, history((8, "0.0001"), (16, "0.0001")), BEGIN, AT_BINANCE) == 2
        before = now(conn)
        assert save_funding(conn, history((8, "0.0003")), BEGIN, AT_BYBIT) == 1
        assert known(conn, AT_BINANCE) == [(8, "0.0001", False), (16, "0.0001", False)]
        assert known(conn, AT_BYBIT) == [(8, "0.0003", False)]
        # asked anew by one, nothing is new to it, and nothing changed for the other
        assert save_funding(conn, history((8, "0.0001")), BEGIN, AT_BINANCE) == 0
        assert not funding_changed(conn, AT_BINANCE, now(conn), before)
        assert funding_changed(conn, AT_BYBIT, now(conn), before)
        eight, sixteen = (BEGIN + timedelta(hours=hours) for hours in (8, 16))
        assert funding_reach(conn, AT_BINANCE) == {PERPETUAL: (eight, sixteen)}
        assert funding_reach(conn, AT_BYBIT) == {PERPETUAL: (eight, eight)}


def test_a_later_version_of_a_source_is_a_revision_and_another_source_is_none(database: str) -> None:
    with open_connection(database) as conn:
        save_funding(conn, history((8, "0.0003")), BEGIN, AT_BYBIT)
        save_funding(conn, history((8, "0.0001")), BEGIN, AT_BINANCE)
        save_funding(conn, history((8, "0.0002")), BEGIN, AT_BINANCE)
        save_funding(conn, history((8, "0.0004"), known=5), BEGIN, AT_BINANCE)
        assert known(conn, AT_BINANCE) == [(8, "0.0001", False), (8, "0.0002", True), (8, "0.0004", True)]
        assert known(conn, AT_BYBIT) == [(8, "0.0003", False)]


def test_rates_from_before_sources_were_kept_apart_are_read_by_every_book(database: str) -> None:
    with open_connection(database) as conn:
        at = BEGIN + timedelta(hours=8)
        row = {"symbol": PERPETUAL, "source": "", "instant": at, "known_at": at, "rate": Decimal("0.0001")}
        add_rows(conn, "funding_rates", [row | {"stored_at": at}])
        assert save_funding(conn, history((8, "0.0001"), (16, "0.0002")), BEGIN, AT_BYBIT) == 1
        assert known(conn, AT_BYBIT) == [(8, "0.0001", False), (16, "0.0002", False)]
        assert known(conn, AT_BINANCE) == [(8, "0.0001", False)]
        assert save_funding(conn, history((8, "0.0005")), BEGIN, AT_BINANCE) == 1
        assert known(conn, AT_BINANCE) == [(8, "0.0001", False), (8, "0.0005", True)]
        assert known(conn, AT_BYBIT)[0] == (8, "0.0001", False)
