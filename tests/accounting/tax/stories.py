"""Stories of trades as tables, and what comes of them as tables.

A line of a story: date, buy or sell, units, dollars of cash (commission included), and optionally ``SYMBOL``,
``@BOOK`` and ``#ORDER``; or date, split, units after for one before. Lines are in the order of time.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from nightdesk.accounting import Entry
from nightdesk.accounting.tax import Lot, TaxLedger, TaxTerms, form_8949, in_order, trades_of

ZERO = Decimal(0)


def ledger_of(story: str, **terms: Any) -> TaxLedger:
    """The tax ledger of a story, with all its books under the same terms."""
    entries = _entries(story)
    said = TaxTerms("Ann", crypto=frozenset({"BTC-USD"}), **terms)
    trades = in_order(trade for book, own in entries.items() for trade in trades_of(book, own))
    return TaxLedger(dict.fromkeys(entries, said)).apply(trades)


def form_of(ledger: TaxLedger) -> list[str]:
    """The lines of all years: part, description, acquired, sold, proceeds, cost, code, adjustment, gain."""
    years = sorted({one.sold.year for one in ledger.disposals})
    rows = [row for year in years for row in form_8949(ledger.disposals, year, ledger.terms).rows]
    return [
        f"{row.part} {row.description} {row.acquired} {row.sold} {row.proceeds:.2f} {row.cost:.2f} "
        f"{row.code or '-'} {row.adjustment:.2f} {row.gain:.2f}"
        for row in rows
    ]


def lots_of(ledger: TaxLedger) -> list[str]:
    """Open lots: units, acquired, held since, basis."""
    return [_lot(lot) for lot in sorted(ledger.open_lots, key=lambda one: one.number)]


def _lot(lot: Lot) -> str:
    return f"{lot.quantity.normalize():f} {lot.acquired} {lot.held_since} {lot.basis:.2f}"


def _entries(story: str) -> Mapping[str, list[Entry]]:
    out: dict[str, list[Entry]] = {}
    held: dict[tuple[str, str], Decimal] = {}
    for number, line in enumerate(filter(str.strip, story.splitlines())):
        day, action, *rest = line.split()
        named = [one for one in rest if not _is_number(one)]
        numbers = [Decimal(one) for one in rest if _is_number(one)]
        symbol = _first((one for one in named if one[0] not in "@#"), "SPY")
        book = _first((one[1:] for one in named if one[0] == "@"), "one")
        order = _first((one[1:] for one in named if one[0] == "#"), f"order-{number}")
        session = date.fromisoformat(day)
        if action == "split":
            for (other, at), units in held.items():
                if at == symbol and units:
                    change = units * (numbers[0] - 1)
                    held[other, at] = units + change
                    out[other].append(
                        Entry(session, "split", "s", at, change, numbers[0], ZERO, ZERO, f"split-{at}-{day}")
                    )
            continue
        units, dollars = numbers
        sign = 1 if action == "buy" else -1
        held[book, symbol] = held.get((book, symbol), ZERO) + sign * units
        cash = -sign * dollars
        entry = Entry(session, "fill", "s", symbol, sign * units, ZERO, cash, ZERO, order)
        out.setdefault(book, []).append(entry)
    return out


def _is_number(word: str) -> bool:
    return word.replace(".", "", 1).isdigit()


def _first(words: Iterable[str], default: str) -> str:
    return next(iter(words), default)
