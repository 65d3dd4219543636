"""The kill matrix: whenever the process that sends is killed, each decision is one order in the end."""

import pytest
from tests.matrices.programs import rows_of

#: Where a process can be killed at least: from the writing of the orders to the last word about them.
MUST_BE_THERE = (
    "write_orders: save.rows(",
    "saving: save.flush(commit=alone)",
    "write_all: cur.execute(statement, values)  (from saving)",
    "write_all: found = [int(count)",
    "saving: end of with held_run(",
    "_send_everywhere: with contact(context, account) as broker:",
    "_send_each: clock = _clock(context, broker)",
    "_send: begin_attempt(context.conn, name, commit=alone)",
    "begin_attempt: cur.execute(",
    "begin_attempt: end of with cursor(conn) as cur:",
    "_send: end of with held_run(",
    "_send: answer = broker.submit(order)",
    "_send: record_known(",
    "record_known: move_planned(",
    "_move: cur.execute(",
    "_move: end of with cursor(conn) as cur:",
    "_is_there: known = broker.order_by_client_id(name)",
    "_is_there: record_known(",
)
AT_ALPACA = ("BoundedAdapter.send: response = super().send(", "AlpacaBroker.submit: return self._read(")
AT_IBKR = (
    "IbkrBroker.submit: if self._find(self._orders(), name) is not None:",
    "send: line.listen(",
    "Connection.sendMsg: self.transport.write(msg)  (from send)",
    "Connection.sendMsg: self.numBytesSent += len(msg)  (from send)",  # the order is on its way
    "send: return None if heard.opened is None",
    "IbkrBroker.order_by_client_id: return",
)


def kill_everywhere(times: int, *more: str, seconds: float, there: tuple[str, ...] = AT_ALPACA) -> None:
    printed, (head, *rows) = rows_of("kill", "--times", str(times), *more, seconds=seconds)
    names = [row[1] for row in rows]
    assert len(rows) >= 12
    for wanted in (*MUST_BE_THERE, *there):
        assert any(name.startswith(wanted) for name in names), wanted
    kills, orders, before, after, violations = (
        [int(row[head.index(name)]) for row in rows]
        for name in ("kills", "orders", "sent before", "sent after", "violations")
    )
    assert set(kills) == {1 + times}
    assert set(violations) == {0}
    # Either the killed process had sent an order or the one after it did.
    assert [one + other for one, other in zip(before, after, strict=True)] == orders
    assert 0 < sum(before) < sum(orders), printed


@pytest.mark.timeout(400)
def test_a_process_killed_at_any_statement_leaves_each_decision_one_order() -> None:
    kill_everywhere(0, "--settle-new", seconds=390)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_process_killed_20_times_at_any_statement_leaves_each_decision_one_order() -> None:
    kill_everywhere(20, seconds=1490)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_so_it_is_where_a_book_has_an_account_on_paper_beside_the_real_one() -> None:
    kill_everywhere(0, "--settle-new", "--accounts", seconds=590)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_so_it_is_at_ibkr() -> None:
    kill_everywhere(2, "--settle-new", "--broker", "ibkr", seconds=890, there=AT_IBKR)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_so_it_is_where_stops_rest_that_are_replaced_and_cancelled() -> None:
    resting = ("release: known = ended(broker,", "AlpacaBroker.cancel: return known", "strays:", "_why_kept:")
    kill_everywhere(0, "--settle-new", "--resting", seconds=1790, there=(*AT_ALPACA, *resting))


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("broker", "there"), [("alpaca", AT_ALPACA), ("ibkr", AT_IBKR)])
def test_so_it_is_where_entries_bring_their_exits(broker: str, there: tuple[str, ...]) -> None:
    kill_everywhere(0, "--settle-new", "--brackets", "--broker", broker, seconds=1190, there=there)
