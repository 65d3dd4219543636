"""Stories of a database that was restored to an earlier backup, told beside the desk that never was."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conftest import PROJECT, open_connection
from tests.fakes.alpaca_state import State
from tests.matrices import checks
from tests.matrices.scenes import WatchedDesk
from tests.matrices.stage import Stage
from tests.session.resting_terms import let_rest
from tests.session.small_desk import session

from nightdesk.brokers import Broker
from nightdesk.core.book import load_book
from nightdesk.operations.rebuild import Rebuilt, rebuild
from nightdesk.operations.verify import verify
from nightdesk.orders.order import Order
from nightdesk.session import submit
from nightdesk.session.context import Context
from nightdesk.session.tax import tax_years

#: The book's first session; those after it buy and sell at a loss day by day, wash sales among them.
FIRST = 11

#: The session in whose evening, or after which, the backups are restored: it sells in two symbols.
LOST = 15

#: The last session of every story.
LAST = 17


@dataclass(frozen=True)
class Story:
    """One restore.

    Attributes
    ----------
    backup : str
        When the backup was made.
    restored : str
        When it was restored.
    rebuilt : bool
        Whether a person says so; else the sessions that are missing are just run.
    corrected : bool
        Whether the vendor has corrected a bar meanwhile, so that a lost session decides otherwise.
    brief : bool
        Whether it is told where there is little time.
    """

    backup: str
    restored: str
    rebuilt: bool = True
    corrected: bool = False
    brief: bool = False

    def __str__(self) -> str:
        words = f"{self.backup}, restored {self.restored}"
        return words + ", a bar corrected" * self.corrected + ", not rebuilt" * (not self.rebuilt)


#: When backups are made, and restored.
TWO_AGO, YESTERDAY = "two sessions ago", "yesterday"
IN_SUBMIT, SUBMITTED = "an hour ago, in the middle of submit", "an hour ago, after submit"
THAT_EVENING, AFTER_THE_OPEN, NEXT_EVENING = "that evening", "after the open", "the next evening"

STORIES = (
    Story(TWO_AGO, THAT_EVENING),
    Story(TWO_AGO, NEXT_EVENING, brief=True),
    Story(YESTERDAY, THAT_EVENING),
    Story(YESTERDAY, NEXT_EVENING, rebuilt=False),
    Story(YESTERDAY, NEXT_EVENING, corrected=True),
    Story(IN_SUBMIT, THAT_EVENING, brief=True),
    Story(IN_SUBMIT, AFTER_THE_OPEN),
    Story(SUBMITTED, AFTER_THE_OPEN),
    Story(SUBMITTED, NEXT_EVENING),
)

Rows = list[tuple[Any, ...]]


class RestoredDesk:
    """A desk of several strategies that lived to the end of the stories, and all of its backups.

    Parameters
    ----------
    desk : WatchedDesk
        A new one.
    stop : float, optional
        The loss at which stops rest for what it holds; without one nothing rests.
    """

    def __init__(self, desk: WatchedDesk, stop: float | None = None) -> None:
        self.desk = desk
        _give_three_strategies(desk)
        if stop is not None:
            let_rest(desk, stop=stop)
        self._backups: dict[str, Stage] = {}
        self._moments: dict[str, State] = {}
        for number in range(FIRST, LAST + 1):
            if number > FIRST:
                desk.live_through(number)
            if number == LOST:
                self._lose()
            else:
                desk.decide(number)
            if number in (LOST - 2, LOST - 1):
                self._backups[TWO_AGO if number == LOST - 2 else YESTERDAY] = Stage(desk)
        self._bars = desk.bars.read_text()
        self.books, self.account = books_of(desk), account_of(desk)
        self.taxes = taxes_of(desk)

    def tell(self, story: Story) -> tuple[Rebuilt | None, list[str]]:
        """What was rebuilt, and what is wrong after two more sessions."""
        desk, exchange = self.desk, self.desk.fake.exchange
        desk.bars.write_text(self._bars)
        self._backups[story.backup].restore()
        exchange.state = exchange.before = self._moments[story.restored]
        desk.go_to(exchange.now)
        if story.corrected:
            desk.change_bar("GLD", session(LOST), 1.01)
        number = LOST + (story.restored == NEXT_EVENING)
        done = None
        if story.rebuilt:
            with desk.at(number) as context:
                done = rebuild(context)
        begun = {day for (day,) in desk.rows("SELECT session FROM nightdesk.runs WHERE status = 'closed'")}
        for missing in range(FIRST, number + 1):
            if session(missing) not in begun:
                desk.run(missing)
        if story.restored == AFTER_THE_OPEN:
            exchange.close_market(desk.prices(LOST + 1, 5))
            desk.decide(LOST + 1)
            number += 1
        for following in range(number + 1, LAST + 1):
            desk.live_through(following)
            desk.decide(following)
        return done, self._wrong(story)

    def _lose(self) -> None:
        """Decide the session whose orders will be lost, with the backups and the moments on the way."""
        desk, number = self.desk, LOST
        desk.evening(number)
        desk.price_coins(number)
        desk.run_steps(number, "ingest", "orders")
        with _backup_after_one_order(desk, self._backups):
            desk.run_steps(number, "submit", "submit")
        self._backups[SUBMITTED] = Stage(desk)
        desk.run_steps(number, "report", "close")
        self._moments[THAT_EVENING] = desk.fake.exchange.state
        desk.open_market(number + 1)
        self._moments[AFTER_THE_OPEN] = desk.fake.exchange.state
        desk.fake.exchange.close_market(desk.prices(number + 1, 5))
        desk.evening(number + 1)
        desk.price_coins(number + 1)
        self._moments[NEXT_EVENING] = desk.fake.exchange.state
        desk.fake.exchange.state = self._moments[THAT_EVENING]
        desk.go_to(desk.fake.exchange.now)

    def _wrong(self, story: Story) -> list[str]:
        desk, numbers = self.desk, range(FIRST, LAST + 1)
        wrong = [
            *checks.ledger_agrees(desk, LAST),
            *checks.never_back(desk),
            *checks.only_true_fills(desk),
            *checks.one_each(desk, *numbers),
            *checks.ended_alike(desk, LOST),
            *checks.untold(desk),
            *checks.sold_once(desk),
        ]
        with open_connection(desk.url) as conn:
            wrong += map(str, verify(conn, "small").differences)
        if account_of(desk) != self.account:
            wrong.append("the account's trades are not those of the desk that was never restored")
        # With another bar the strategies want other parts of what was lost, and decide otherwise after it.
        if not story.corrected and books_of(desk) != self.books:
            wrong.append("the ledger is not that of the desk that was never restored")
        if not story.corrected and taxes_of(desk) != self.taxes:
            wrong.append("the sales of Form 8949 are not those of the desk that was never restored")
        stopped = desk.rows("SELECT reason FROM nightdesk.risk_events WHERE kind IN ('kill', 'halt')")
        return wrong + [f"the book is stopped: {reason}" for (reason,) in stopped]


def books_of(desk: WatchedDesk) -> Rows:
    """The whole ledger, and the positions that follow from it at the end."""
    entries = desk.rows(
        "SELECT session, kind, strategy, symbol, quantity, price, cash, commission, reference "
        "FROM nightdesk.ledger_entries ORDER BY session, number"
    )
    positions = desk.rows(
        "SELECT strategy, symbol, quantity, cost, realised, entry_session FROM nightdesk.positions "
        "WHERE session = %s ORDER BY 1, 2",
        session(LAST),
    )
    return [*entries, *positions]


def account_of(desk: WatchedDesk) -> Rows:
    """What the ledger has booked of each order up to the one session whose orders were lost."""
    return desk.rows(
        "SELECT session, reference, sum(quantity), sum(cash), sum(commission) FROM nightdesk.ledger_entries "
        "WHERE session <= %s GROUP BY session, reference ORDER BY session, reference",
        session(LOST + 1),
    )


def taxes_of(desk: WatchedDesk) -> tuple[object, object]:
    """Lots, and the sales of which Form 8949 is made."""
    with open_connection(desk.url) as conn:
        ledger = tax_years(conn, load_book(desk.book)).ledger
    return ledger.lots, ledger.disposals


def _give_three_strategies(desk: WatchedDesk) -> None:
    tree = yaml.safe_load(Path(desk.book).read_text())
    whole = yaml.safe_load((PROJECT / "books" / "multi_asset.yaml").read_text())
    tree["strategies"], tree["inception"] = whole["strategies"], session(FIRST)
    Path(desk.book).write_text(yaml.safe_dump(tree, sort_keys=False))


@contextmanager
def _backup_after_one_order(desk: WatchedDesk, backups: dict[str, Stage]) -> Iterator[None]:
    """Make a backup when one of the orders was sent and no other was begun."""
    send = submit._send

    def watched(context: Context, broker: Broker, order: Order, *rest: Any) -> None:
        send(context, broker, order, *rest)
        if IN_SUBMIT not in backups:
            backups[IN_SUBMIT] = Stage(desk)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(submit, "_send", watched)
        yield
