"""A small desk whose book trades a call, a put and a perpetual, from given prices."""

import csv
from datetime import date
from pathlib import Path

import yaml
from tests.session.small_desk import STRATEGY, SmallDesk, session

LAST, EXPIRY = 5, session(3)
#: Far in the money, far out of it; both expire on EXPIRY.
CALL, PUT = f"SPY{EXPIRY:%y%m%d}C00100000", f"SPY{EXPIRY:%y%m%d}P00050000"
PERPETUAL = "BTCUSDT-PERP"


def with_contracts(desk: SmallDesk) -> None:
    """Add their bars: the call is worth SPY less its strike, the put a two-hundredth of SPY."""
    rows = list(csv.reader(desk.bars.open()))
    made = []
    for day, symbol, *cells in rows[1:]:
        prices, rest = [float(one) for one in cells[:4]], cells[4:]
        if symbol == "SPY" and date.fromisoformat(day) <= EXPIRY:
            made.append([day, CALL, *(f"{one - 100:.2f}" for one in prices), *rest])
            made.append([day, PUT, *(f"{one / 200:.2f}" for one in prices), *rest])
        if symbol == "BTC-USD":
            made.append([day, PERPETUAL, *cells])
    with desk.bars.open("w", newline="") as file:
        csv.writer(file).writerows([*rows, *made])


def injected(desk: SmallDesk, number: int) -> Path:
    """Long the call, short the put and the perpetual from the first session; out of that at the fourth."""
    path = desk.book.with_name(f"signals_{number}.csv")
    said = [(CALL, "STRONG_BUY", "long"), (PUT, "STRONG_SELL", "short")] if number < 4 else []
    said.append((PERPETUAL, "STRONG_SELL" if number < 3 else "STRONG_BUY", "short"))
    rows = [f"{session(number)},{STRATEGY},{one},{way},1.0,{side}" for one, way, side in said]
    path.write_text("\n".join(["session,strategy,symbol,direction,confidence,side", *rows]) + "\n")
    return path


def book_of(desk: SmallDesk) -> None:
    with_contracts(desk)
    tree = yaml.safe_load(desk.book.read_text())
    tree |= {
        "margin": {"kind": "reg_t"},
        "financing": {"debit_rate": 0.072, "credit_rate": 0.031, "borrow_rate": 0.0},
    }
    tree["universe"] |= {
        CALL: {"asset_class": "option", "underlying": "SPY", "max_weight": 0.5},
        PUT: {"asset_class": "option", "underlying": "SPY", "max_weight": 0.1},
        PERPETUAL: {
            "asset_class": "perpetual",
            "underlying": "BTC",
            "collateral": 0.5,
            "funding_rate": 0.0001,
            "unit": 0.001,
            "max_weight": 0.2,
        },
    }
    tree["limits"].pop("cash", None)
    desk.book.write_text(yaml.safe_dump(tree, sort_keys=False))
