"""Listings as a backtest of a screened book knows them."""

from datetime import UTC, date, datetime

import pandas as pd

from nightdesk.research.backtest.screened_universe import _Listings

END = datetime(2025, 12, 31, tzinfo=UTC)


def test_an_end_of_years_ago_is_known_where_every_listing_counts_and_is_no_listing_of_a_screen() -> None:
    words = {"exchange": "NYSE", "security": "common", "sector": "energy", "market_cap": float("nan")}
    days = [("GONE", "2019-10-31", None), ("GONE", "2019-11-15", "2019-11-15"), ("KEPT", "2025-12-30", None)]
    rows = pd.DataFrame(
        [
            {"symbol": one, "day": day, "known_at": pd.Timestamp(day), "delisted_on": gone, **words}
            for one, day, gone in days
        ]
    )
    rows["delisted_on"] = pd.to_datetime(rows["delisted_on"])
    listings = _Listings(rows, ("GONE", "KEPT"))
    assert listings.known(END.date(), END).keys() == {"KEPT"}
    whole = listings.known(END.date(), END, oldest=None)
    assert whole["GONE"].delisted_on == date(2019, 11, 15)
    assert whole["KEPT"].delisted_on is None
