"""A monthly allocation is kept with the targets, carried on from there, and decided anew with them."""

from collections.abc import Callable

import pytest
import yaml
from tests.session.small_desk import SmallDesk, session

from nightdesk.operations.replay import rewind
from nightdesk.session import steps
from nightdesk.session.context import Context
from nightdesk.session.loading import session_state

LAST = 3
ALLOCATED = (
    "SELECT symbol, allocation FROM nightdesk.targets WHERE session = %s AND allocation > 0 ORDER BY 1"
)


@pytest.fixture
def desk(make_desk: Callable[[], SmallDesk]) -> SmallDesk:
    """A desk that rotates, after some sessions from the first of a month on."""
    made = make_desk()
    tree = yaml.safe_load(made.book.read_text())
    tree["strategies"] = {"rotation": {"sizing": "risk_parity", "params": {"above": 0.3}}}
    made.book.write_text(yaml.safe_dump(tree, sort_keys=False))
    for number in range(LAST + 1):
        made.run(number)
    return made


def carried(context: Context) -> list[tuple[str, float]]:
    """What the session's decision is told of the one before."""
    before = session_state(context).carried
    assert before is not None
    row = before.allocation[0].tolist()
    return sorted((name, share) for name, share in zip(context.book.symbols, row, strict=True) if share)


def test_what_the_first_session_of_a_month_allocates_is_kept_and_carried_on(desk: SmallDesk) -> None:
    first = desk.rows(ALLOCATED, session(0))
    assert len(first) >= 2
    assert sum(share for _, share in first) == pytest.approx(1.0, abs=1e-12)
    for number in range(1, LAST + 1):
        assert desk.rows(ALLOCATED, session(number)) == first
        with desk.at(number) as context:
            assert carried(context) == first
    with desk.at(0) as context:
        assert session_state(context).carried is None


def test_a_sealed_session_is_compared_by_what_was_carried_on_then(desk: SmallDesk) -> None:
    with desk.at(LAST) as context:
        assert steps.targets(context)["differs"] == 0
    halved = "UPDATE nightdesk.targets SET allocation = allocation / 2 WHERE session = %s RETURNING 1"
    assert desk.rows(halved, session(1))
    with desk.at(2) as context:
        assert steps.targets(context)["differs"]


def test_sessions_that_are_decided_anew_leave_the_same_rows(desk: SmallDesk) -> None:
    before = desk.dump()
    with desk.at(1) as context:
        rewind(context)
    assert desk.rows("SELECT DISTINCT session FROM nightdesk.targets") == [(session(0),)]
    for number in range(1, LAST + 1):
        desk.run(number)
    assert desk.dump() == before


def test_what_a_sale_is_to_bring_a_position_down_to_is_kept_and_carried_on(desk: SmallDesk) -> None:
    with desk.at(1) as context:
        symbols = context.book.symbols
        before = session_state(context).carried
    assert before is not None
    assert not before.reduce_to.any(), "what is sized by risk parity owes no sale"
    owed = "UPDATE nightdesk.targets SET reduce_to = 7.5 WHERE session = %s AND symbol = %s RETURNING 1"
    assert desk.rows(owed, session(0), symbols[1])
    with desk.at(1) as context:
        after = session_state(context).carried
    assert after is not None
    assert after.reduce_to[0].tolist() == [7.5 if n == 1 else 0.0 for n in range(len(symbols))]
