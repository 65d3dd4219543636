"""Whether, and with how much, a book may trade with real money: what people have promoted, as it stands now.

============================================  ========================================================
a book at a live account                      sends there
============================================  ========================================================
never promoted, or to a stage before small    what reduces a position alone
at small, quarter, half or full               up to 10, 25, 50 or 100 % of the account's capital_limit
whose rules are not those promoted            what reduces a position alone
whose plug-ins are not those promoted         what reduces a position alone
by code without green tests                   what reduces a position alone
============================================  ========================================================

A position is never trapped: what takes it nearer to flat leaves at any stage. Accounts without real money ask
for no right.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from nightdesk.core.book import Book
from nightdesk.core.stages import Stage
from nightdesk.store.code_rows import package_of
from nightdesk.store.db import Connection
from nightdesk.store.gate_promotion_rows import StandingPromotion, standing_promotion

#: How the cause of an order begins that was not sent for want of the right.
NO_RIGHT = "no right to trade with real money"


@dataclass(frozen=True)
class TradingRight:
    """Where a book stands.

    Attributes
    ----------
    stage : Stage
        To which people have promoted it; `backtest` where they never did, or its rules are other ones since.
    share : Decimal
        Of each live account's limit of capital, what may be in positions; 0: it may only reduce.
    why : str
        Why it may only reduce, and what to do; empty where it may do more.
    """

    stage: Stage
    share: Decimal
    why: str = ""

    @property
    def words(self) -> str:
        """The right in a line."""
        return f"{self.stage.in_words}{f'; only reduces: {self.why}' if self.why else ''}"


def is_live(book: Book) -> bool:
    """Whether any account of a book holds real money."""
    return any(book.entry_of(name).live for name in book.account_names)


def trading_right(conn: Connection, book: str, rules_hash: str, code_version: str) -> TradingRight:
    """The right of a book as it stands in the database now.

    Parameters
    ----------
    conn : Connection
    book : str
        Its name.
    rules_hash, code_version : str
        What is about to trade.
    """
    package = package_of(code_version)
    found = standing_promotion(conn, book, package)
    look = f"`nightdesk gate {book}` says what is missing"
    if found is None:
        return TradingRight(Stage.BACKTEST, Decimal(0), f"nobody has promoted {book} to real money: {look}")
    by = f"by {found.who} on {found.at:%Y-%m-%d}"
    changed = _changed(found, rules_hash, code_version)
    if changed:
        why = (
            f"the {changed} of {book} are not those that were promoted to {found.to_stage} {by}: restore "
            f"them, or promote what there is now, from backtest on; {look}"
        )
        return TradingRight(Stage.BACKTEST, Decimal(0), why)
    if not found.to_stage.share:
        return TradingRight(
            found.to_stage,
            Decimal(0),
            f"{book} is at stage {found.to_stage} ({by}), before real money: {look}",
        )
    if not found.is_tested:
        why = (
            f"no green tests of code {package} are known ({book} was promoted to {found.to_stage} {by} with "
            f"{package_of(found.code_version)}): run them, then `nightdesk record-tests FILE`"
        )
        return TradingRight(found.to_stage, Decimal(0), why)
    return TradingRight(found.to_stage, found.to_stage.share)


def _changed(found: StandingPromotion, rules_hash: str, code_version: str) -> str:
    """What decides otherwise than what was promoted: rules, or plug-ins; empty where nothing does."""
    if found.rules_hash != rules_hash:
        return "rules"
    plug_ins = (one.removeprefix(package_of(one)) for one in (found.code_version, code_version))
    return "plug-ins" if len(set(plug_ins)) > 1 else ""
