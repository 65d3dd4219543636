"""The fault matrix: however the broker answers, no decision is two orders and no position is wrong unseen."""

from collections.abc import Sequence
from enum import Enum

import pytest
from tests.fakes.alpaca import Fault
from tests.matrices.broker_faults import AWAY, AlpacaFaults, IbkrFaults
from tests.matrices.fault import STORIES, WAYS, name_of
from tests.matrices.programs import rows_of


def meet_all_faults(
    *arguments: str, seconds: float, every: Sequence[Enum | str] = AlpacaFaults.every
) -> dict[tuple[str, str, str], str]:
    """The words of every cell, by the kind of bad answers, fault and operation."""
    _, rows = rows_of("fault", *arguments, seconds=seconds)
    cells: dict[tuple[str, str, str], str] = {}
    head: list[str] = []
    for row in rows:
        if row[0] in (*WAYS.values(), *STORIES):
            head = row
            continue
        met = {(head[0], row[0], name): words for name, words in zip(head[1:], row[1:], strict=True)}
        cells |= {key: words for key, words in met.items() if words}
    faults = {fault for head, fault, _ in cells if head not in STORIES}
    assert faults == {name_of(one) for one in every}
    return cells


@pytest.mark.timeout(400)
def test_a_bad_answer_to_any_call_makes_no_second_order_and_no_wrong_position() -> None:
    cells = meet_all_faults("--brief", seconds=390)
    operations = {name for _, _, name in cells}
    assert {"submit", "query, it is there", "cancel in settling", "fills"} <= operations
    lesser = {"query, it is not", "cancel by the switch", "query in settling", "account"}
    assert {fault for _, fault, name in cells if name in lesser} == {AWAY, *(name_of(one) for one in Fault)}
    assert lesser <= operations
    expected = {
        ("500", "submit"): "retried, sent once",
        ("504 after acceptance", "submit"): "retried, found there",
        ("stale list", "query, it is there"): "asked again, found there",
        ("401", "query, it is there"): "failed at once, then found there",
        ("unknown status", "query, it is not"): "–",
        ("time-out after acceptance", "cancel in settling"): "retried, agreed",
        ("oversized fill", "fills"): "asked again, agreed",
        ("fill of an unknown order", "fills"): "asked again, refused, told",
        ("stale list", "positions"): "asked again, agreed",
    }
    assert {key: cells[WAYS[False], *key] for key in expected} == expected
    stale, hand, account = STORIES
    assert cells[stale, "all but the orders by their ids are old", "for one evening"] == "disputed, told"
    assert "held back" in cells[hand, "sold by hand", "before settling"]
    stories = {
        "database 90 minutes ahead": "0 sent, waited, told; sent after; agreed",
        "orders are blocked": "0 sent, held back, told; 2 sent again; agreed",
        "no buying power": "1 sent, held back, told; 1 sent again; agreed",
        "a person buys what is bought": "1 sent, held back, told; 1 sent again; agreed",
        "another installation, which stops": "0 sent, held back, told; 2 sent again; agreed",
    }
    assert {name: words for (head, name, _), words in cells.items() if head == account} == stories
    # whether it has come by the time it is asked for is for the two clocks; it is one order either way
    late = cells[WAYS[False], "accepted after the time-out", "submit"]
    assert late in ("retried, sent once", "retried, found there")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_bad_answers_that_last_make_no_second_order_and_no_wrong_position() -> None:
    cells = meet_all_faults(seconds=1790)
    lasting = WAYS[True]
    expected = {
        ("service away", "submit"): "failed 8 times, then sent once",
        ("500", "fills"): "failed 8 times, then agreed",
        ("stale list", "query, it is there"): "failed 8 times, then found there",
        ("stale list", "positions"): "asked again, stopped, told; agreed a day later",
        ("oversized fill", "fills"): "asked again, refused, told; stopped, told; agreed a day later",
    }
    assert {key: cells[lasting, *key] for key in expected} == expected
    for head, whens in STORIES.items():
        assert all(cells[head, name, when] for kind, name, _ in cells if kind == head for when in whens)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_so_it_is_where_a_book_has_an_account_on_paper_beside_the_real_one() -> None:
    cells = meet_all_faults("--brief", "--accounts", seconds=890)
    assert cells[WAYS[False], "504 after acceptance", "submit"] == "retried, found there"


def at_ibkr(*arguments: str, seconds: float) -> dict[tuple[str, str, str], str]:
    return meet_all_faults("--broker", "ibkr", *arguments, seconds=seconds, every=IbkrFaults.every)


@pytest.mark.timeout(400)
def test_so_it_is_at_ibkr() -> None:
    cells = at_ibkr("--brief", seconds=390)
    expected = {
        ("connection dropped before the request is taken", "submit"): "retried, sent once",
        ("connection dropped after the request is taken", "submit"): "retried, found there",
        ("request never taken, no answer", "submit"): "retried, sent once",
        ("request taken, no answer", "submit"): "retried, found there",
        ("notice 10349", "submit"): "sent once",
        ("orderStatus before openOrder", "submit"): "sent once",
        ("unknown status", "query, it is there"): "retried, found there",
        ("login expired", "fills"): "retried, agreed",
        ("IBKR lost (1100)", "positions"): "retried, agreed",
        ("execution of an unknown order", "fills"): "asked again, agreed",
    }
    assert {key: cells[WAYS[False], *key] for key in expected} == expected


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_so_are_bad_answers_that_last_at_ibkr() -> None:
    cells = at_ibkr(seconds=1790)
    assert cells[WAYS[True], "client id in use", "submit"] == "failed 8 times, then sent once"
