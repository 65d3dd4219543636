"""The columns of a backtest's tables: what each holds, in words, with its unit."""

from __future__ import annotations

_SESSION = "the session that was decided"
_AS_OF = "instant of the decision: the end of its hour"
_CENTS = "dollars and cents"
_KEY = {"session": _SESSION, "as_of": _AS_OF}
_STRATEGY = {"strategy": "its name"}
_SYMBOL = {"symbol": "of the book's universe"}

#: The columns that the tables of a book have that decides several times a session.
HOURLY_ONLY = frozenset({"as_of", "entry_as_of", "exit_as_of"})

#: The columns that the tables of a book have whose strategies say bundles.
BUNDLES_ONLY = frozenset({"bundle", "uneven"})

#: The columns that the tables of a book have whose strategies, or sizings and rules, show figures.
FIGURES_ONLY = frozenset({"figures"})

#: The columns that the tables of a book of several accounts have.
ACCOUNTS_ONLY = frozenset({"account"})

#: What every column holds, by table, in the order of the file.
COLUMN_WORDS: dict[str, dict[str, str]] = {
    "nav": {
        **_KEY,
        "cash": _CENTS,
        "positions_value": _CENTS,
        "nav": f"{_CENTS}: cash + positions_value",
        "drawdown": "share: 1 - NAV / highest NAV so far, which is never reset",
        "drawdown_since_reset": (
            "share: 1 - NAV / the peak that the drawdown levels count from, which begins anew when recovery "
            "begins"
        ),
        "level": "drawdown level, 0 to 4; 0 while the book has no levels",
        "gross": "absolute value of the positions, share of NAV",
        "net": "signed value of the positions, share of NAV",
    },
    "signals": {
        **_KEY,
        **_STRATEGY,
        **_SYMBOL,
        "direction": "STRONG_SELL, SELL, HOLD, BUY or STRONG_BUY",
        "side": "positions that it speaks of: long, short, or either where it leaves whatever is held",
        "action": "enter, hold or leave, as direction and side say together",
        "strength": "-1 to 1",
        "confidence": "0 to 1",
        "reason": "words with the numbers that made it",
        "injected": "whether it was put in by `--inject`, in place of the strategy's",
        "figures": "what its strategy shows of it, by name: a JSON object; empty where it was injected",
    },
    "targets": {
        **_KEY,
        **_STRATEGY,
        **_SYMBOL,
        "held": "units at the close, negative when short",
        "wanted": "units wanted before the gate",
        "quantity": "units that the gate left",
        "weight": "wanted, share of NAV",
        "confidence": "of the entry after the regime's factor, 0 to 1",
        "portfolio_volatility": "annualised volatility of the wanted portfolio before it was scaled, share",
        "scale": "factor that brought it down to the book's target, at most 1",
        "allocation": (
            "share of the strategy's capital that it wants until it allocates anew; 0 where its sizing makes "
            "none"
        ),
        "reduce_to": (
            "units down to which a sale that was begun is asked for again until that is done; 0 where none is"
        ),
        "bundle": "code of the bundle that the position is a leg of, as its strategy names it; 0: of none",
        "uneven": "decisions in a row, this one included, that found the legs of its bundle uneven",
        "figures": "what its sizing, and the rules of the book, show of it, by name: a JSON object",
    },
    "verdicts": {
        **_KEY,
        "step": "place in the gate's order",
        "rule": "its name",
        **_SYMBOL,
        "action": "approve, cut or reject",
        "value": "what the rule measured, in its own unit (shares, dollars, sessions, points)",
        "limit": "what the rule compares it with, in the same unit",
        "held": "units held",
        "before": "units wanted when the rule was asked",
        "after": "units that it left",
        "words": "the verdict as a sentence",
    },
    "orders": {
        **_KEY,
        "client_order_id": "name of the order, made of its decision",
        **_SYMBOL,
        "side": "buy or sell",
        "quantity": "units",
        "order_type": "market or limit",
        "time_in_force": "how long it may meet the market",
        "purpose": "what it is for",
        "reference_price": "dollars a unit: the close that the decision was made at",
        "state": "filled, expired (all or the rest of it); planned at the last decision",
        "filled": "units",
        "reason": "why a rest was not filled",
        "limit_price": "dollars a unit: the worst price of a limit order; empty for a market order",
        "bundle": "ids of the bundles that it is a leg of, with a space between; empty where of none",
        "account": "that it goes to, by its name in the book",
    },
    "fills": {
        "session": "the session in which it was executed",
        "as_of": "end of the hour in which it was executed",
        "execution_id": "name of the execution",
        "client_order_id": "the order",
        **_SYMBOL,
        "side": "buy or sell",
        "quantity": "units",
        "price": "dollars a unit, slippage included",
        "commission": _CENTS,
        "reference_price": "dollars a unit: the open before slippage, or what an hour fills at",
        "slippage_bps": (
            "what price is worse than reference_price, basis points; negative where a limit order came out "
            "better"
        ),
        "account": "that of its order",
    },
    "crosses": {
        "session": "the session of the decision; the next decision books it",
        "as_of": _AS_OF,
        **_STRATEGY,
        **_SYMBOL,
        "quantity": "units that the strategy receives; negative where it gives",
        "price": "dollars a unit: the close that the decision was made at",
    },
    "positions": {
        **_KEY,
        **_STRATEGY,
        **_SYMBOL,
        "quantity": "units, negative when short",
        "average_cost": "dollars a unit, without commission",
        "price": "dollars a unit: the newest close",
        "value": _CENTS,
        "unrealised": f"{_CENTS}: value less cost",
        "realised": f"{_CENTS}, since the book began",
        "commission": f"{_CENTS}, since the book began",
        "dividends": f"{_CENTS}, since the book began",
        "borrow": f"{_CENTS}, since the book began",
        "entry_session": "session of the purchase that opened the position",
    },
    "performance": {
        **_KEY,
        "strategy": "its name; empty on the line of what belongs to none",
        "realised": f"{_CENTS}: of what was closed, against its average cost and without commission",
        "unrealised": f"{_CENTS}: change of what open positions are worth above their cost",
        "dividends": f"{_CENTS}: received; negative where a short owed them",
        "commission": f"{_CENTS}: paid, positive",
        "borrow": (
            f"{_CENTS}, paid for units sold short, positive; on the line without a strategy what a broker "
            "took for no symbol"
        ),
        "interest": (
            f"{_CENTS}, on the line without a strategy: on the book's cash, negative where it was owed"
        ),
        "fees": f"{_CENTS}, on the line without a strategy: taken from the account, negative",
        "other": (
            f"{_CENTS}, on the line without a strategy: what is left of the profit and none of the above"
        ),
        "profit": f"{_CENTS}: all of it, commission taken off",
    },
    "trades": {
        **_STRATEGY,
        **_SYMBOL,
        "entry_session": "session of the first fill",
        "entry_as_of": "end of the hour of the first fill",
        "entry_price": "dollars a unit: the average of all that was bought, without commission",
        "exit_session": "session of the last fill; empty while it is open",
        "exit_as_of": "end of the hour of the last fill; empty while it is open",
        "exit_price": "dollars a unit: the average of all that was sold; empty while it is open",
        "quantity": "units bought in all, restated for splits; negative of a short position",
        "sessions": "sessions held, the first counted and that of the last fill not",
        "profit": f"{_CENTS}, commission and dividends included; of an open trade at the last close",
        "return": "profit over what was paid, share",
        "entry_reason": "the strategy's words at the decision to enter",
        "exit_reason": (
            "its words at the decision to leave, or the stop, the age or the rule of the gate that ended it"
        ),
    },
    "pairs": {
        **_STRATEGY,
        "pair": "its legs with a stroke between: the first follows the second",
        "entries": "stays in the pair, those that still last included",
        "left_reached": "of them, left since the spread came back",
        "left_stop": "left at the stop",
        "left_age": "left since it was held for the most sessions",
        "left_sign": "left since the fit of the month has the other sign",
        "left_uneven": "left since one leg was held without the other",
        "left_other": "left for another reason, such as a limit of the book",
        "held": "that still last",
        "commission": f"{_CENTS}: paid for both legs, positive",
        "profit": f"{_CENTS}: of the trades of both legs; of a stay that lasts at the last close",
    },
    "dropped": {
        **_KEY,
        **_STRATEGY,
        **_SYMBOL,
        "filter": (
            "`superseded` by a more confident entry in the same symbol, `correlated` with another symbol, "
            "`bundle` where another leg is not opened, or `condition` where one on entries does not hold"
        ),
        "other": "that strategy, that symbol, or that condition",
        "value": "confidence of the entry; correlation; units of the other leg; 0 of a condition",
        "limit": "confidence of the other; the correlation's limit; units a bundle; 1 of a condition",
        "words": "all of it as a sentence",
    },
    "risk": {
        **_KEY,
        "volatility": "annualised, share",
        "historical_var": "from past returns, share of NAV",
        "historical_cvar": "from past returns, share of NAV",
        "normal_var": "under a normal distribution with mean 0, share of NAV",
        "normal_cvar": "under a normal distribution with mean 0, share of NAV",
        "var_sessions": "past sessions that are behind these losses",
        "herfindahl": "sum of the squared shares of gross exposure, 1 for a single position",
        "effective_positions": "equal positions that would be as concentrated",
        "largest": "symbol of the largest position",
        "largest_weight": "its signed share of NAV",
        "largest_group": "group with the largest value",
        "largest_group_weight": "its share of NAV",
        "average_correlation": "of the pairs held, -1 to 1",
        "nearest_limit": "the rule with the least room",
        "nearest_subject": "what it is about",
        "nearest_room": "what is left up to its limit, share of the limit; negative beyond it",
    },
    "form_8949": {
        "part": "I: short term, II: long term",
        "box": "A to L, by what a broker reports",
        "description": "units and symbol",
        "acquired": "date of the purchase",
        "sold": "date of the sale",
        "proceeds": f"{_CENTS}, commission taken off",
        "cost": f"{_CENTS}, commission put on; holds losses carried from before",
        "code": "C for a collectible held long; W with a disallowed loss",
        "adjustment": f"{_CENTS}: the disallowed loss",
        "gain": f"{_CENTS}: proceeds - cost + adjustment",
        "held_since": "first day of the holding period: before the purchase where a wash sale added to it",
        "tax_class": "collectible, partnership, digital, or empty",
        "book": "whose sale",
        "lot": "the order that bought the lot, and its session",
    },
    "risk_events": {
        "session": "the session from which it counts",
        "as_of": f"{_AS_OF}; empty for a kill or a release, which is dated by its session",
        "kind": "breaker, kill, release, or a move between drawdown levels",
        "value": "of the breaker: NAV change since the close before, share; of a move: drawdown, share",
        "limit": "of the breaker: its limit, share",
        "reason": "in words",
    },
}


def columns_of(
    table: str,
    *,
    hourly: bool = False,
    bundles: bool = False,
    accounts: bool = False,
    figures: bool = False,
) -> tuple[str, ...]:
    """The columns of a table in the order of its file.

    Parameters
    ----------
    table : str
    hourly, bundles, accounts : bool
        Whether the book decides several times a session, its strategies say bundles, it has several accounts.
    figures : bool
        Whether the rows of the table have figures, see `Desk.tables_with_figures`.
    """
    left = (
        (frozenset() if hourly else HOURLY_ONLY)
        | (frozenset() if bundles else BUNDLES_ONLY)
        | (frozenset() if accounts else ACCOUNTS_ONLY)
        | (frozenset() if figures else FIGURES_ONLY)
    )
    return tuple(name for name in COLUMN_WORDS[table] if name not in left)
