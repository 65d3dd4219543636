"""Lets one fault meet one operation, tries again as Airflow would, goes on with the days after, and looks."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from enum import Enum

import pytest
from tests.matrices.broker_faults import HURRY, BrokerFaults
from tests.matrices.checks import (
    ended_alike,
    never_back,
    one_each,
    only_true_fills,
    traded_in_dispute,
    unseen_differences,
    untold,
)
from tests.matrices.operations import Operation
from tests.matrices.scenes import look_ahead
from tests.session.small_desk import session

from nightdesk.core.errors import Refused, Transient
from nightdesk.session import reconcile

#: So often Airflow runs a step that talks to the broker, before a person must look.
ATTEMPTS = 8


@dataclass(frozen=True)
class Cell:
    """What came of a fault: in words, and what was violated."""

    words: str
    violations: tuple[str, ...] = ()


@contextmanager
def hurried(*, tries: int | None = None) -> Iterator[None]:
    """Waiting goes faster for the block, in the same proportions: between tries, and between looks.

    Parameters
    ----------
    tries : int, optional
        How often a question is asked in one attempt at a step (default: as it is).
    """
    with pytest.MonkeyPatch.context() as patch:
        for kind in BrokerFaults.__subclasses__():
            kind.hurry(patch, tries)
        patch.setattr(reconcile, "PAUSE_SECONDS", reconcile.PAUSE_SECONDS / HURRY)
        yield


def try_cell(operation: Operation, fault: Enum | str, *, lasting: bool, further: bool = True) -> Cell:
    """One cell of the matrix.

    Parameters
    ----------
    operation : Operation
        The column.
    fault : Enum or str
        The row; what is a word is no service at all.
    lasting : bool
        Whether every answer is bad until the step has failed for good, in place of one.
    further : bool
        Whether the session after the settled one is lived through in any case; else only where something of
        the orders is still open.
    """
    faults = operation.desk.faults
    operation.stage.restore()
    faults.arm(operation.endpoint, fault, lasting=lasting)
    wrong: list[str] = []
    tries, error = 0, None
    for tries in range(1, ATTEMPTS + 1):
        away = isinstance(fault, str) and (lasting or tries == 1)
        with faults.outage(fault) if away else nullcontext():
            error = _attempt(operation.run, wrong)
        if error is not None:
            wrong += _left_alone(operation)
        if not isinstance(error, Transient):
            break
    faults.wait_out(fault)
    if lasting or error is not None or getattr(fault, "name", "") != "STALE":
        faults.heal()  # one stale answer may wait for a look-up of the settling
    if error is not None and (again := _attempt(operation.run, wrong)) is not None:
        wrong.append(f"it fails though all is well again: {again}")
    if operation.does == "cancel" and all(
        one.status != "cancelled" for one in operation.desk.account.orders()
    ):
        wrong.append("nothing was cancelled")
    head = _head(operation, tries, error)
    wrong += _live_on(operation, further=further)
    met = isinstance(fault, str) or faults.spoiled
    return Cell(head + _body(operation) + _tail(operation) if met else "–", tuple(wrong))


def _attempt(run: Callable[[], object], wrong: list[str]) -> Exception | None:
    """Run a step once; the error of the desk that it ended in. Any other is a violation."""
    try:
        run()
    except (Transient, Refused) as error:
        return error
    except Exception as error:  # noqa: BLE001 (whatever else it is, it is to be shown)
        wrong.append(f"an error that is none of the desk's: {type(error).__name__}: {error}")
        return Transient(str(error))
    return None


def _left_alone(operation: Operation) -> list[str]:
    """A step that failed has booked nothing and brought no order to an end that it did not come to."""
    desk, day = operation.desk, session(operation.number + 1)
    wrong = [
        f"{table} has rows of a settling that failed"
        for table in ("fills", "ledger_entries", "portfolio", "reconciliations", "disputed_positions")
        if desk.rows(f"SELECT FROM nightdesk.{table} WHERE session = %s", day)
    ]
    ended = desk.rows(
        "SELECT client_order_id, status FROM nightdesk.orders "
        "WHERE session = %s AND status NOT IN ('planned', 'submitted')",
        session(operation.number),
    )
    return wrong + [f"{name} is {status} though the step failed" for name, status in ended]


def _live_on(operation: Operation, *, further: bool) -> list[str]:
    """Let the orders come home, and one more session after that; what is wrong on the way."""
    desk, number = operation.desk, operation.number
    if operation.go_on is not None:
        operation.go_on()
    wrong = unseen_differences(desk, number + 1)
    if further or _differs(operation, 1) or ended_alike(desk, number):
        desk.price_coins(number + 1)
        desk.run_steps(number + 1, "targets", "close")
        desk.live_through(number + 2)
        desk.evening(number + 2)
        look_ahead(desk, number + 2)
        desk.run_steps(number + 2, "settle", "settle")
        wrong += unseen_differences(desk, number + 2)
    wrong += untold(desk) + only_true_fills(desk) + never_back(desk) + one_each(desk, *range(number + 3))
    return wrong + traded_in_dispute(desk) + ended_alike(desk, number)


def _head(operation: Operation, tries: int, error: Exception | None) -> str:
    """How often the step was run."""
    if error is not None:
        return f"failed {'at once' if isinstance(error, Refused) else f'{tries} times'}, then "
    if tries > 1:
        return "retried, " if tries == 2 else f"retried {tries - 1} times, "
    return "asked again, " if operation.desk.faults.asked(operation.endpoint) > operation.asks else ""


def _body(operation: Operation) -> str:
    """What it came to."""
    desk, day = operation.desk, session(operation.number)
    said = []
    if operation.does == "send":
        asked = "SELECT FROM nightdesk.order_events WHERE session = %s AND cause LIKE %s"
        said.append("found there" if desk.rows(asked, day, "found at the broker%") else "sent once")
    elif operation.does != "settle":
        said.append({"cancel": "cancelled", "collect": "collected"}[operation.does])
    said += ["refused, told"] * bool(desk.rows("SELECT FROM nightdesk.executions WHERE refused IS NOT NULL"))
    said += ["stopped, told"] * _differs(operation, 1)
    disputed = "SELECT FROM nightdesk.disputed_positions WHERE session = %s"
    said += ["disputed, told"] * (not said and bool(desk.rows(disputed, session(operation.number + 1))))
    return "; ".join(said) or "agreed"


def _tail(operation: Operation) -> str:
    """What the settling of the next day adds."""
    if _differs(operation, 2):
        return "; still differs a day later"
    return "; agreed a day later" if _differs(operation, 1) else ""


def _differs(operation: Operation, later: int) -> bool:
    """Whether the desk found a difference in the session so many after that of the orders."""
    return bool(
        operation.desk.rows(
            "SELECT FROM nightdesk.reconciliations WHERE session = %s", session(operation.number + later)
        )
    )
