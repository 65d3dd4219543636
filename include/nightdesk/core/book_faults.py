"""Where the parts of a book contradict each other: a sentence a fault, with the path of its key."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from nightdesk.core.book_keys import BookKeys
from nightdesk.core.drawdown_levels import Levels, MaxDrawdownLimit
from nightdesk.core.errors import Refused
from nightdesk.core.expectation_terms import faults_of_expectations
from nightdesk.core.facts import FACT_CLASSES, FACT_KINDS
from nightdesk.core.feed_order import order_faults
from nightdesk.core.keywords import plain_words
from nightdesk.core.portfolio_terms import Band
from nightdesk.core.reporting_terms import IN_DOLLARS
from nightdesk.core.routes import account_faults, route_faults
from nightdesk.core.universe import Instrument


def faults_of_book(book: BookKeys) -> Iterator[str]:
    """All faults of a book whose keys are right one by one.

    Where its accounts are wrong it says nothing else: what follows asks where a symbol goes.
    """
    faults = tuple(_account_faults(book))
    yield from faults
    if faults:
        return
    yield from _capital_faults(book)
    yield from _regime_faults(book)
    yield from _level_faults(book)
    yield from _financing_faults(book)
    yield from _date_faults(book)
    yield from _contract_faults(book)
    yield from _universe_faults(book)
    yield from _feed_faults(book)
    yield from _hour_faults(book)
    yield from _shard_faults(book)
    yield from _keyword_faults(book)
    universe = None if book.members is not None else frozenset(book.universe)
    yield from faults_of_expectations(book.quality.expectations, universe)
    yield from _fact_faults(book)
    yield from _target_faults(book)


def levels_meant(limits: Any) -> Levels | None:
    """The drawdown level that the largest drawdown of some limits means; None without a right one."""
    said = limits.get("max_drawdown") if isinstance(limits, Mapping) else None
    try:
        return None if said is None else MaxDrawdownLimit.model_validate(said).levels
    except ValidationError:
        return None


def _target_faults(book: BookKeys) -> Iterator[str]:
    for figure, target in book.targets.items():
        if target.eur_rate is not None and figure not in IN_DOLLARS:
            yield (
                f"targets.{figure}.eur_rate: {figure} is no figure in dollars; leave it out, or aim at "
                f"{', '.join(sorted(IN_DOLLARS))}"
            )


def _account_faults(book: BookKeys) -> Iterator[str]:
    if book.broker is not None:
        for key in ("accounts", "routes"):
            if getattr(book, key):
                yield (
                    f"{key}: found beside broker, which is the short form of one account; leave broker "
                    "out and write its account under accounts, or leave this out"
                )
    elif not book.accounts:
        yield "broker: missing; it must be given, or accounts with routes in its place"
    else:
        yield from account_faults(book.accounts, book.initial_capital)
        yield from route_faults(book.accounts, book.routes, _routed(book))
        yield from _unbounded_faults(book)


def _routed(book: BookKeys) -> Mapping[str, Instrument]:
    """What routes lead from: the universe, and what its list may name."""
    if book.members is None:
        return book.universe
    return {**book.members.named, "every listed symbol": book.members.each}


def _unbounded_faults(book: BookKeys) -> Iterator[str]:
    """Money of one account pays no purchase in another: a rule must see to it."""
    bounds = ("cash", "cash_buffer", "gross_leverage")
    if len(book.accounts) > 1 and not any(name in book.limits for name in bounds):
        yield (
            "limits: a book of several accounts needs a rule that keeps purchases within the money of "
            f"their account ({', '.join(bounds)}); add one, such as cash: {{}}"
        )


def _capital_faults(book: BookKeys) -> Iterator[str]:
    shares = sum(entry.share for entry in book.strategies.values())
    if shares > 1 + 1e-9 and book.portfolio.capital == "split":
        yield (
            f"strategies: the capital shares add up to {shares:g}, at most 1 is allowed; "
            "a book whose strategies draw on the same capital says portfolio.capital: shared"
        )


def _regime_faults(book: BookKeys) -> Iterator[str]:
    edges = [band.below for band in book.regime if band.below is not None]
    ends = book.regime[-1].below is None and len(edges) == len(book.regime) - 1
    if not ends or edges != sorted(set(edges)):
        yield "regime: `below` must rise from band to band and be left out of the last one only"
    for band in book.regime:
        where = f"regime.{band.name}"
        for key, names in (("strategies_off", band.strategies_off), ("capital", band.capital)):
            for name in names:
                if name not in book.strategies:
                    yield f"{where}.{key}: {name} is not a strategy of this book"
        yield from _faults_of_scaled_capital(book, band, f"{where}.capital")


def _faults_of_scaled_capital(book: BookKeys, band: Band, where: str) -> Iterator[str]:
    scaled = {name: one.share * band.capital.get(name, 1.0) for name, one in book.strategies.items()}
    name = max(scaled, key=scaled.__getitem__)
    if scaled[name] > 1 + 1e-9:
        yield (
            f"{where}: {name} would have {scaled[name]:g} of the capital "
            f"({book.strategies[name].share:g} × {band.capital[name]:g}), at most 1 is allowed"
        )
    elif band.capital and book.portfolio.capital == "split" and sum(scaled.values()) > 1 + 1e-9:
        yield (
            f"{where}: the capital shares of this band add up to {sum(scaled.values()):g}, "
            "at most 1 is allowed; a book whose strategies draw on the same capital says "
            "portfolio.capital: shared"
        )


def _level_faults(book: BookKeys) -> Iterator[str]:
    if book.levels is None:
        return
    meant = levels_meant(book.limits)
    if meant is not None and book.levels != meant:
        yield "levels: limits.max_drawdown is a drawdown level of its own; leave one of the two out"
    for key, named in (("havens", book.levels.havens), ("first_out", book.levels.first_out)):
        for symbol in named:
            if symbol not in book.universe:
                where = "universe" if book.members is None else "universe.always"
                yield f"levels.{key}: {symbol} is no symbol of this book's {where}"


def _financing_faults(book: BookKeys) -> Iterator[str]:
    if book.financing is not None:
        if book.cash.interest:
            yield (
                f"cash.interest: found {book.cash.interest:g} beside financing, whose credit_rate says "
                "the same; leave cash.interest out"
            )
        return
    if book.margin.borrows:
        yield (
            f"margin: {book.margin.kind} borrows money, and the book has no financing: say what that "
            "costs a year, such as financing: {debit_rate: 0.06, borrow_rate: 0.005}; it is never free"
        )
    for symbol in book.own_borrow_rates:
        yield f"universe.{symbol}.borrow_rate: the book has no financing that it belongs to; add one"


def _date_faults(book: BookKeys) -> Iterator[str]:
    if book.origin is not None and book.inception is not None and book.origin >= book.inception:
        yield f"origin {book.origin} must lie before inception {book.inception}"


def _universe_faults(book: BookKeys) -> Iterator[str]:
    if book.members is None:
        if not book.universe:
            yield "universe: it names no symbol; name those that may be traded, or a list of members"
        return
    if book.schedule.rhythm == "hourly":
        key, found = ("members", "a list") if book.members.screen is None else ("screen", "a screen")
        yield (
            f"universe.{key}: found {found}, and the book decides hourly, while members change by "
            "sessions: list the symbols, or set schedule to daily"
        )
    yield from _screen_faults(book)
    own = {f"symbols.{symbol}": one for symbol, one in book.members.named.items()}
    terms = {} if book.financing is not None else {"each": book.members.each, **own}
    for where, one in terms.items():
        if one.borrow_rate is not None:
            yield f"universe.{where}.borrow_rate: the book has no financing that it belongs to; add one"


def _screen_faults(book: BookKeys) -> Iterator[str]:
    """A screen that asks for facts of which the book has no source."""
    terms = book.screen
    if terms is None:
        return
    asked = terms.criteria
    by_listings = {
        "pool": terms.pool == "listings" or None,
        "criteria.market_cap": None if asked.market_cap_known_only else asked.market_cap,
        "criteria.exchanges": asked.exchanges,
        "criteria.securities": asked.securities,
    }
    wanting = [f"universe.screen.{key}" for key, said in by_listings.items() if said is not None]
    if wanting and not book.feeds.listings:
        yield (
            f"feeds.listings: names no source, and {', '.join(wanting)} of the screen is asked of listings: "
            "name one, such as polygon or files:facts, or set the criteria to null"
        )
    if asked.spread is not None and asked.spread_required and not book.feeds.quotes:
        yield (
            "feeds.quotes: names no source, and universe.screen.criteria.spread_required lets no stock "
            "without quotes pass: name one, or leave it out"
        )


def _hour_faults(book: BookKeys) -> Iterator[str]:
    if book.schedule.rhythm != "hourly":
        return
    for symbol, one in book.universe.items():
        if one.close_from is not None:
            yield (
                f"universe.{symbol}.close_from: the book decides hourly, by hours already; leave it out, or "
                "set schedule to daily"
            )


def _feed_faults(book: BookKeys) -> Iterator[str]:
    if not book.feeds.daily:
        yield "feeds.daily: found nothing; name at least one source, such as [sample]"
    traded = _routed(book)
    seen = (book.benchmark, book.volatility_index)
    of_all = {one: its.asset_class for one, its in traded.items()} | {
        one: book.class_of(one) for one in seen if one not in traded
    }
    yield from order_faults("feeds.daily", book.feeds.daily, of_all, whole=bool(book.feeds.daily))
    hourly = book.feeds.hourly
    if hourly or isinstance(hourly, Mapping):
        yield from order_faults("feeds.hourly", hourly, of_all, whole=False)
    yield from order_faults("feeds.compare_with", book.feeds.compare_with, of_all, whole=False)


def _shard_faults(book: BookKeys) -> Iterator[str]:
    if book.feeds.shards > 1 and book.schedule.rhythm == "hourly":
        yield (
            f"feeds.shards: found {book.feeds.shards} in an hourly book, whose ingest asks for its hours by "
            "itself; leave it out"
        )


def _keyword_faults(book: BookKeys) -> Iterator[str]:
    """Words of a symbol that is no member tag nothing; of a list of members nobody knows yet who will be."""
    if book.members is not None:
        return
    for symbol, words in book.sentiment.keywords.items():
        where = f"sentiment.keywords.{symbol}"
        if symbol in book.universe and book.universe[symbol].asset_class == "etf":
            if plain_words(symbol) in map(plain_words, words):
                yield (
                    f"{where}: found the ticker of a fund, which no headline means by itself; ${symbol} and "
                    f"(NYSE: {symbol}) count without being listed: name what the fund holds"
                )
        elif symbol not in book.universe:
            near = difflib.get_close_matches(symbol, book.universe, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            yield f"{where}: {symbol} is no symbol of this book's universe{hint}: correct it, or add it there"


def _contract_faults(book: BookKeys) -> Iterator[str]:
    for symbol, one in book.universe.items():
        where, name = f"universe.{symbol}", book.account_of(symbol)
        kind = book.entry_of(name).kind
        if one.asset_class in ("option", "perpetual") and kind != "paper":
            key = "broker.kind" if book.broker is not None else f"accounts.{name}.kind"
            yield (
                f"{where}.asset_class: found {one.asset_class}, which is traded on paper and in "
                f"backtests alone, and {key} is {kind}: leave it out, or set {key} to paper"
            )
        if one.asset_class != "option":
            continue
        if book.schedule.rhythm == "hourly":
            yield (
                f"{where}.asset_class: found option, whose bars are checked and whose contract ends by "
                "sessions alone, and the book decides hourly: leave it out, or set schedule to daily"
            )
        try:
            terms = one.contract(symbol).option
        except Refused as error:
            yield f"{where}: {error}"
            continue
        on = book.universe.get(one.underlying or "")
        if on is None or on.asset_class not in ("equity", "etf"):
            yield (
                f"{where}.underlying: {one.underlying} is no share of this book's universe; exercise "
                "moves its shares: put it there"
            )
        if terms is not None and book.inception is not None and terms.expiry < book.inception:
            yield f"{where}: it expired on {terms.expiry}, before {book.inception}; leave it out"


def _fact_faults(book: BookKeys) -> Iterator[str]:
    """Facts that are asked of nobody, and sources that are asked for nothing."""
    named = {
        "macro": ("macro.series", book.macro.series, "macro: {series: [DGS10]}"),
        "positioning": ("positioning.codes", book.positioning.codes, 'positioning: {codes: {GLD: "088691"}}'),
    }
    for kind, (key, wanted, such) in named.items():
        sources = getattr(book.feeds, kind)
        if wanted and not sources:
            yield (
                f"{key}: found {', '.join(wanted)}, and feeds.{kind} names no source; name one, such as "
                "files:facts"
            )
        if sources and not wanted:
            yield f"feeds.{kind}: found {', '.join(sources)}, and {key} names nothing to ask for; add {such}"
    twice = sorted({one for one in book.macro.series if book.macro.series.count(one) > 1})
    if twice:
        yield f"macro.series: {', '.join(twice)} stands there twice; leave one out"
    for symbol in book.positioning.codes:
        if book.members is None and symbol not in book.universe:
            yield f"positioning.codes: {symbol} is no symbol of this book's universe"
    yield from _fact_source_faults(book)


def _fact_source_faults(book: BookKeys) -> Iterator[str]:
    """Sources of facts that are named twice, or for classes of instruments that the book has not."""
    for kind, classes in FACT_CLASSES.items():
        held = {one.asset_class for one in book.universe.values()}
        if book.members is None and getattr(book.feeds, kind) and not held & set(classes):
            yield (
                f"feeds.{kind}: no symbol of the universe is of class {' or '.join(classes)}, and of others "
                "it says nothing; correct their asset_class, or leave it out"
            )
    for kind in FACT_KINDS:
        named = getattr(book.feeds, kind)
        again = sorted({one for one in named if named.count(one) > 1})
        if again:
            yield f"feeds.{kind}: {', '.join(again)} stands there twice; leave one out"
