"""One symbol in the spellings of books, vendors and file names.

Yahoo writes BRK-B, Polygon and Alpaca BRK.B, others BRK/B: the three are one symbol, and a feed that answers
a book gives it the book's spelling.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

#: Endings of the names of files that hold bars, without `.gz`.
TEXTS = (".csv", ".txt", ".tsv")
PARQUETS = (".parquet", ".pq")
JSONS = (".json",)

_MARKETS_IN_DOLLARS = ("USDT", "USDC", "FDUSD", "BUSD", "USD")

#: Words in names of files that are no symbol.
_NO_SYMBOL = frozenset({
    "1d", "1day", "actions", "adj", "adjusted", "aggs", "alpaca", "alpha", "alphav", "alphavantage", "bars",
    "binance", "capital", "csv", "d", "daily", "data", "day", "dividend", "dividends", "download", "equity",
    "etf", "export", "full", "gains", "historical", "historicaldata", "history", "investing", "klines",
    "massive", "max", "nasdaq", "nyse", "ohlc", "ohlcv", "polygon", "price", "prices", "quotes", "raw",
    "semicolon", "series", "split", "splits", "spot", "stock", "stocks", "stooq", "tiingo", "time", "us",
    "vantage", "yahoo",
})  # fmt: skip
#: How the symbols of perpetuals end in books: ``BTCUSDT-PERP``.
PERPETUAL = "-PERP"
_PAIR = re.compile(r"[A-Z0-9]{5,20}")
_SYMBOL = re.compile(r"[A-Z0-9^][A-Z0-9^=-]{0,20}")
_INTERVAL_AND_DATE = re.compile(r"-1d(-\d{4}(-\d{2}){0,2})?$", re.IGNORECASE)
_NUMBER_OR_DATE = re.compile(r"\(?\d+\)?|\d{4}-\d{2}(-\d{2})?")


def same_symbol(symbol: str) -> str:
    """What all spellings of a symbol have in common: a class of shares after a dash."""
    return symbol.replace(".", "-").replace("/", "-")


def as_written(symbol: str) -> str:
    """A symbol that its layout writes as books do."""
    return symbol.strip()


def of_polygon(symbol: str) -> str:
    """A book's symbol from Polygon's: ``X:BTCUSD`` is BTC-USD, ``I:VIX`` is ^VIX."""
    kind, colon, name = symbol.strip().partition(":")
    if not colon:
        return kind
    return _pair(name) if kind == "X" else f"^{name}" if kind == "I" else name


def to_polygon(symbol: str) -> str:
    """A book's symbol as Polygon writes it: ``I:VIX``, ``X:BTCUSD``, ``BRK.B``."""
    if symbol.startswith("^"):
        return f"I:{symbol[1:]}"
    if symbol.endswith("-USD"):
        return f"X:{symbol.replace('-', '')}"
    return re.sub(r"[-/](?=[A-Z]$)", ".", symbol)


def of_stooq(symbol: str) -> str:
    """A book's symbol from Stooq's: ``AAPL.US`` is AAPL."""
    return symbol.strip().upper().removesuffix(".US")


def of_binance(symbol: str) -> str:
    """A book's symbol from Binance's: against a coin that stands for dollars is against dollars."""
    return _pair(symbol.strip().upper())


def pair_in_dollars(symbol: str) -> str | None:
    """The pair of an exchange that a book's symbol stands for; None where it is none against dollars.

    Exchanges trade coins against tokens that stand for dollars: ``BTC-USD`` is BTCUSDT there. BTCUSDT,
    ``BTC-USDC``, ``BTC/FDUSD`` and the perpetual ``BTCUSDT-PERP`` say the pair themselves.
    """
    coin, dash, quote = symbol.removesuffix(PERPETUAL).replace("/", "-").rpartition("-")
    name = f"{coin}{'USDT' if quote == 'USD' else quote}" if dash else quote
    tokens = [one for one in _MARKETS_IN_DOLLARS if one != "USD"]
    told = any(name.endswith(one) and len(name) > len(one) + 1 for one in tokens)
    return name if told and _PAIR.fullmatch(name) else None


def is_perpetual(symbol: str) -> bool:
    """Whether a book's symbol names a perpetual future."""
    return symbol.endswith(PERPETUAL)


def symbol_of_name(name: str) -> str | None:
    """The symbol that the name of a file says; None where it says none, or several words could be it.

    Vendors' names, words like ``daily`` and dates are no symbols: ``stooq.AAPL.csv``, ``aapl.us.txt``,
    ``daily_adjusted_IBM.csv``, ``SPY Historical Data (1).csv``, ``BTCUSDT-1d-2024-01.csv``.
    """
    stem = _INTERVAL_AND_DATE.sub("", stem_of(name))
    words = [one for one in re.split(r"[ _.]+", stem) if one]
    if len(words) > 1:
        words = [
            one for one in words if one.casefold() not in _NO_SYMBOL and not _NUMBER_OR_DATE.fullmatch(one)
        ]
    if len(words) == 2 and len(words[1]) == 1 and words[1].isalpha():  # BRK.B
        words = ["-".join(words)]
    return words[0].upper() if len(words) == 1 and _SYMBOL.fullmatch(words[0].upper()) else None


def stem_of(name: str) -> str:
    """The name of a file without the endings that say how it is written, whatever the size of its letters."""
    for ending in (".gz", *TEXTS, *PARQUETS, *JSONS):
        if name.lower().endswith(ending):
            name = name[: -len(ending)]
    return name


def ends_with(name: str, endings: Sequence[str]) -> bool:
    """Whether a file is called so, compressed or not, whatever the size of its letters."""
    return name.lower().removesuffix(".gz").endswith(tuple(endings))


def _pair(name: str) -> str:
    """``BTCUSDT`` as BTC-USD; a name that is no such pair as it is."""
    for quote in _MARKETS_IN_DOLLARS:
        if name.endswith(quote) and len(name) > len(quote) + 1 and "-" not in name:
            return f"{name.removesuffix(quote)}-USD"
    return name
