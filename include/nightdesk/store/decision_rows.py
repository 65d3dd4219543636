"""What was decided at an instant, read back: factors, regime, signals, targets, verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.panel import Floats
from nightdesk.risk import Verdict
from nightdesk.store.db import Connection, cursor, one
from nightdesk.store.queries import query
from nightdesk.store.rows import read_row, read_rows

Codes = NDArray[np.int8]
BundleCodes = NDArray[np.int16]


def newest_decisions(conn: Connection, book: str, newest: int = 20) -> list[dict[str, Any]]:
    """The newest decisions of a book, newest first.

    Returns
    -------
    list of dict
        session, as_of, known_by, status, regime, nav, cash, day_return, drawdown, orders (how many); None
        where a step was not reached.
    """
    return read_rows(conn, "newest_decisions", book=book, newest=newest)


def was_ingested(conn: Connection, book: str, config_hash: str) -> bool:
    """Whether the book, as it is configured now, has fetched its history before."""
    return read_row(conn, "ingested_before", book=book, config_hash=config_hash) is not None


def factor_set(conn: Connection, names: Sequence[str]) -> int:
    """Number of a list of factor names, given to it when it is first used."""
    added = (
        "INSERT INTO nightdesk.factor_sets (names) SELECT %(names)s WHERE NOT EXISTS "
        "(SELECT FROM nightdesk.factor_sets WHERE names = %(names)s) ON CONFLICT DO NOTHING"
    )
    with cursor(conn) as cur:
        cur.execute(f"{added}; {query('factor_set')}", {"names": list(names)})
        return int(one(cur)[0])


def read_factors(conn: Connection, book: str, as_of: datetime, symbols: Sequence[str]) -> dict[str, Floats]:
    """Stored factors of a decision by name, each of shape (n_symbols,), NaN for a symbol without a row."""
    column = {symbol: n for n, symbol in enumerate(symbols)}
    out: dict[str, Floats] = {}
    for row in read_rows(conn, "factor_rows", book=book, as_of=as_of):
        if row["symbol"] not in column:
            continue
        for name, value in zip(row["names"], row["factor_values"], strict=True):
            out.setdefault(name, np.full(len(symbols), np.nan))[column[row["symbol"]]] = value
    return out


@dataclass(frozen=True)
class RegimeRow:
    """The regime of a decision: index and name of the band, the value behind it and its age in sessions."""

    band: int
    regime: str
    vix: float
    vix_age: int


def read_regime(conn: Connection, book: str, as_of: datetime) -> RegimeRow | None:
    """The regime of a decision; None when that step has not run."""
    row = read_row(conn, "regime_row", book=book, as_of=as_of)
    return None if row is None else RegimeRow(**row)


@dataclass(frozen=True)
class QualityRow:
    """What the checks mean for a decision: whether entries are allowed, else why; what is in quarantine."""

    entries_allowed: bool
    reason: str
    quarantined: tuple[str, ...]


def read_quality(conn: Connection, book: str, as_of: datetime) -> QualityRow | None:
    """The outcome of the checks of a decision; None when that step has not run."""
    row = read_row(conn, "session_quality", book=book, as_of=as_of)
    if row is None:
        return None
    return QualityRow(row["entries_allowed"], row["reason"], tuple(row["quarantined"]))


def signals_of(conn: Connection, book: str, as_of: datetime) -> list[dict[str, Any]]:
    """A decision's signals by strategy and symbol: those two, direction, side, action, strength, confidence,
    reason, injected, bundle, ratio, figures (a dict by name, None where its strategy shows none).
    """
    return read_rows(conn, "signal_rows", book=book, as_of=as_of)


def silent_strategies(conn: Connection, book: str, as_of: datetime) -> tuple[str, ...]:
    """The strategies without whose signals a decision was made, by name: with any, it is degraded.

    Empty before its targets were sized.
    """
    rows = read_rows(conn, "silent_strategies", book=book, as_of=as_of)
    return tuple(row["strategy"] for row in rows)


#: How the sides of signals are stored, by the sign of the positions that they speak of.
STORED_SIDES = {-1: "short", 0: "either", 1: "long"}
_SIGN_OF = {word: sign for sign, word in STORED_SIDES.items()}


@dataclass(frozen=True)
class SaidRows:
    """What a decision's signals say, of shape (n_strategies, n_symbols)."""

    direction: Codes
    side: Codes
    confidence: Floats
    strength: Floats


def read_signals(
    conn: Connection, book: str, as_of: datetime, strategies: Sequence[str], symbols: Sequence[str]
) -> SaidRows:
    """The signals of a decision.

    A strategy that did not speak holds everything, with confidence and strength 0.
    """
    rows = signals_of(conn, book, as_of)
    direction, side = _directions_and_sides(rows, strategies, symbols)
    numbers = by_position(rows, strategies, symbols, ("confidence", "strength"))
    return SaidRows(direction, side, numbers["confidence"], numbers["strength"])


def said_bundles(
    conn: Connection, book: str, as_of: datetime, strategies: Sequence[str], symbols: Sequence[str]
) -> tuple[BundleCodes, Floats]:
    """Bundles and ratios that a decision's signals speak of, (n_strategies, n_symbols); 0 where none."""
    arrays = _without_nulls(signals_of(conn, book, as_of), strategies, symbols, ("bundle", "ratio"))
    return arrays["bundle"].astype(np.int16), arrays["ratio"]


@dataclass(frozen=True)
class BundleRows:
    """Codes, ratios and how often uneven, of shape (n_strategies, n_symbols); 0 where a symbol is no leg."""

    code: BundleCodes
    ratio: Floats
    uneven: BundleCodes


def bundles_of(
    conn: Connection, book: str, as_of: datetime, strategies: Sequence[str], symbols: Sequence[str]
) -> BundleRows:
    """What belongs together by the targets of a decision."""
    return _bundles(targets_of(conn, book, as_of), strategies, symbols)


def bundles_before(
    conn: Connection, book: str, as_of: datetime, strategies: Sequence[str], symbols: Sequence[str]
) -> BundleRows:
    """The same by the newest targets before `as_of`."""
    return _bundles(read_rows(conn, "carried_rows_before", book=book, as_of=as_of), strategies, symbols)


@dataclass(frozen=True)
class UnevenBundle:
    """A bundle whose legs a decision found not at their ratio: `name` is its strategy and code."""

    name: str
    words: str


def uneven_bundles(conn: Connection, book: str, as_of: datetime) -> tuple[UnevenBundle, ...]:
    """The bundles that a decision found uneven, by name; empty before its targets were sized."""
    legs: dict[str, list[Mapping[str, Any]]] = {}
    for row in targets_of(conn, book, as_of):
        if row["uneven"]:
            legs.setdefault(f"{row['strategy']} {row['bundle']}", []).append(row)
    out = []
    for name, rows in sorted(legs.items()):
        held = ", ".join(f"{row['symbol']} {row['held'].normalize():f} of {row['ratio']:g}" for row in rows)
        times = "1 decision has" if rows[0]["uneven"] == 1 else f"{rows[0]['uneven']} decisions have"
        out.append(
            UnevenBundle(name, f"bundle {name} is uneven, as {times} found: held {held} a unit of the bundle")
        )
    return tuple(out)


def _bundles(
    rows: Sequence[Mapping[str, Any]], strategies: Sequence[str], symbols: Sequence[str]
) -> BundleRows:
    arrays = _without_nulls(rows, strategies, symbols, ("bundle", "ratio", "uneven"))
    code, uneven = (arrays[name].astype(np.int16) for name in ("bundle", "uneven"))
    return BundleRows(code, arrays["ratio"], uneven)


def _without_nulls(
    rows: Sequence[Mapping[str, Any]], strategies: Sequence[str], symbols: Sequence[str], names: Sequence[str]
) -> dict[str, Floats]:
    """`by_position` of columns that are null in some rows: 0 there."""
    whole = [{**row, **{name: row[name] or 0 for name in names}} for row in rows]
    return by_position(whole, strategies, symbols, names)


def directions_before(
    conn: Connection, book: str, as_of: datetime, strategies: Sequence[str], symbols: Sequence[str]
) -> tuple[Codes, Codes]:
    """Direction and side of what each strategy said when it last spoke before a decision.

    Of shape (n_strategies, n_symbols). A strategy that was silent in between has not changed its mind. Before
    its first word it holds.
    """
    rows = read_rows(conn, "signal_rows_before", book=book, as_of=as_of, strategies=list(strategies))
    return _directions_and_sides(rows, strategies, symbols)


def _directions_and_sides(
    rows: Sequence[Mapping[str, Any]], strategies: Sequence[str], symbols: Sequence[str]
) -> tuple[Codes, Codes]:
    signed = [{**row, "side": _SIGN_OF[row["side"]]} for row in rows]
    arrays = by_position(signed, strategies, symbols, ("direction", "side"))
    return arrays["direction"].astype(np.int8), arrays["side"].astype(np.int8)


def by_position(
    rows: Sequence[Mapping[str, Any]],
    strategies: Sequence[str],
    symbols: Sequence[str],
    names: Sequence[str],
) -> dict[str, Floats]:
    """Columns of rows as arrays of shape (n_strategies, n_symbols), 0 where there is no row.

    Rows of other strategies and symbols are left out.
    """
    place = {name: s for s, name in enumerate(strategies)}
    column = {symbol: n for n, symbol in enumerate(symbols)}
    out: dict[str, Floats] = {name: np.zeros((len(place), len(column))) for name in names}
    for row in rows:
        if row["strategy"] in place and row["symbol"] in column:
            for name in names:
                out[name][place[row["strategy"]], column[row["symbol"]]] = row[name]
    return out


def targets_of(conn: Connection, book: str, as_of: datetime) -> list[dict[str, Any]]:
    """Targets of a decision by strategy and symbol: held, quantity, weight, confidence, cause and what is
    carried on of each, with bundle, ratio and uneven, which are null where it is a leg of none, and figures
    (a dict by name, None where its sizing shows none).
    """
    return read_rows(conn, "target_rows", book=book, as_of=as_of)


def carried_before(
    conn: Connection,
    book: str,
    as_of: datetime,
    strategies: Sequence[str],
    symbols: Sequence[str],
    names: Sequence[str],
) -> dict[str, Floats]:
    """What the newest targets before `as_of` leave to it: their columns `names`.

    Each of shape (n_strategies, n_symbols); empty where there is no such decision. What the book names since
    then has 0.
    """
    rows = read_rows(conn, "carried_rows_before", book=book, as_of=as_of)
    return by_position(rows, strategies, symbols, names) if rows else {}


def target_scale(conn: Connection, book: str, as_of: datetime) -> dict[str, float] | None:
    """Annualised `volatility` of the wanted portfolio and the `scale` that brought it down, or None."""
    return read_row(conn, "target_scale", book=book, as_of=as_of)


def gated_of(conn: Connection, book: str, as_of: datetime) -> list[dict[str, Any]]:
    """What the gate left of a decision's targets: strategy, symbol, quantity."""
    return read_rows(conn, "gated_rows", book=book, as_of=as_of)


def all_silent(conn: Connection, book: str, as_of: datetime, table: str) -> bool:
    """Whether a table of a decision was written and holds no row, since none of them says anything."""
    row = read_row(conn, "silent_count", book=book, as_of=as_of, table_name=table)
    return row is not None and row["strategies"] > 0


def verdicts_of(conn: Connection, book: str, as_of: datetime) -> list[Verdict]:
    """The gate's words on a decision, in the order in which they were spoken."""
    return [
        Verdict(
            step=row["step"],
            rule=row["rule"],
            symbol=row["symbol"],
            action=row["action"],
            value=row["observed"],
            limit=row["rule_limit"],
            held=float(row["quantity_held"]),
            before=float(row["quantity_before"]),
            after=float(row["quantity_after"]),
        )
        for row in read_rows(conn, "verdict_rows", book=book, as_of=as_of)
    ]


def verdict_row(verdict: Verdict) -> Mapping[str, Any]:
    """A verdict as its table holds it."""
    return {
        "step": verdict.step,
        "symbol": verdict.symbol,
        "rule": verdict.rule,
        "action": verdict.action,
        "observed": verdict.value,
        "rule_limit": verdict.limit,
        "quantity_held": verdict.held,
        "quantity_before": verdict.before,
        "quantity_after": verdict.after,
    }
