"""A desk whose one book has fallen to level 4 and waits for a person, and what a test does with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml
from tests.clock import set_clock
from tests.end_to_end.desk import Desk, sessions, wait_for, whole_desk
from tests.end_to_end.project import BOOK as PATTERN
from tests.end_to_end.project import INCEPTION, ROOT, lay_out

from nightdesk.core.book import load_book
from nightdesk.core.calendar import get_calendar
from nightdesk.machine.environment import login
from nightdesk.machine.transport import Rest
from nightdesk.operations.set_level import set_level
from nightdesk.risk import RiskEvent, RiskState
from nightdesk.session.entry import open_context
from nightdesk.session.steps import run_session
from nightdesk.store.risk_state_rows import newest_risk_state, read_risk_events

BOOK = "fallen"
DAILY, RESUME = f"daily__{BOOK}", f"resume__{BOOK}"
FIRST, SECOND = sessions(2)


@dataclass
class Fallen:
    """The desk, and the REST API as a person uses it."""

    desk: Desk
    rest: Rest

    @property
    def newest(self) -> date:
        """The newest session that was decided."""
        return self._risk()[0]

    @property
    def risk(self) -> RiskState:
        """Where the book stands."""
        return self._risk()[1]

    def go_to_evening(self, session: date) -> None:
        """Let it be the time at which a session's run begins."""
        set_clock(self.desk.addresses.nightdesk, get_calendar().known_from(session) + timedelta(minutes=1))

    def decide(self, session: date) -> int:
        """Decide a session in its evening, in this process; how many orders it planned."""
        self.go_to_evening(session)
        environ = {"NIGHTDESK_ROOT": str(self.desk.home.root), "NIGHTDESK_HOME": str(self.desk.home.state)}
        with (
            self.desk.database() as connection,
            open_context(BOOK, session, conn=connection, environ=environ) as context,
        ):
            counts = run_session(context)
        return int(counts["orders"]["orders"])

    def decide_next(self) -> int:
        """Decide the session after the newest."""
        return self.decide(get_calendar().shift(self.newest, 1))

    def send_to_liquidation(self) -> None:
        """Let a person set level 4, which the next decision enters."""
        with self.desk.database() as connection:
            book = load_book(self.desk.home.root / "books" / f"{BOOK}.yaml")
            set_level(connection, book, 4, reason="a drill", who="kim")

    def facts(self) -> list[RiskEvent]:
        """What was said of the book's levels, in its order."""
        with self.desk.database() as connection:
            return list(read_risk_events(connection, BOOK, date.max))

    def await_question(self, run: str) -> dict[str, Any]:
        """Wait until a run waits for a person, and the scheduler has noticed; what the person is shown.

        An answer that is quicker than the scheduler is lost: it takes the task for one that ended unheard,
        and has it ask again. No person is so quick, but a test is.
        """

        def asked() -> dict[str, Any] | None:
            if self.desk.airflow.task_states(RESUME, run).get("approval") != "awaiting_input":
                return None
            shown = dict(self.rest.send("GET", _details(run)))
            return None if shown["response_received"] or not self._is_noticed(run) else shown

        return wait_for(asked, 180, f"{run} asks nobody")

    def respond(self, run: str, option: str, reason: str | None) -> None:
        """Answer by the REST API."""
        given = {} if reason is None else {"reason": reason}
        self.rest.send("PATCH", _details(run), {"chosen_options": [option], "params_input": given})

    def ended(self, run: str, dag: str = RESUME) -> str:
        """Wait for a run; how it ended."""
        [found] = self.desk.airflow.wait(dag, [run], timeout=240)
        return found.state

    def _is_noticed(self, run: str) -> bool:
        """Whether the scheduler has heard of every time that the task gave its slot back to wait."""
        log = (self.desk.home.logs / "scheduler.log").read_text()
        lines = [line for line in log.splitlines() if run in line and "task_id=approval" in line]
        parked, heard = (
            sum(said in line for line in lines)
            for said in ("Pausing task as AWAITING_INPUT", "TaskInstance Finished")
        )
        return heard >= parked > 0

    def _risk(self) -> tuple[date, RiskState]:
        with self.desk.database() as connection:
            found = newest_risk_state(connection, BOOK)
        assert found is not None
        return found.session, found.state


@contextmanager
def fallen_desk() -> Iterator[Fallen]:
    """The desk in the evening of the book's second session: the first was decided, and level 4 is set."""
    with whole_desk(prepare=_lay_out, books=(BOOK,)) as desk:
        desk.airflow.await_dag(RESUME)
        fallen = Fallen(desk, Rest(desk.airflow.address, login(desk.home)))
        assert fallen.decide(FIRST) > 0
        fallen.send_to_liquidation()
        fallen.go_to_evening(SECOND)
        yield fallen


def _lay_out(root: Path) -> None:
    """The usual project with one book, which comes back as quickly as a book may."""
    lay_out(root)
    for path in (root / "books").glob("*.yaml"):
        path.unlink()
    tree = yaml.safe_load((ROOT / "books" / f"{PATTERN}.yaml").read_text())
    tree |= {
        "name": BOOK,
        "title": "A book that has fallen",
        "inception": INCEPTION,
        "feeds": {"daily": ["sample"]},
        "broker": {"kind": "paper", "account": "paper-fallen"},
        "strategies": {"time_series_momentum": {"share": 1.0}},
    }
    tree["portfolio"]["volatility_target"] = 0.9
    tree["levels"] |= {"calm_sessions": 1, "low_sessions": 1}
    tree["levels"] |= {"average_correlation": 1.0, "every_correlation": 1.0}
    (root / "books" / f"{BOOK}.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))


def _details(run: str) -> str:
    return f"dags/{RESUME}/dagRuns/{quote(run)}/taskInstances/approval/-1/hitlDetails"
