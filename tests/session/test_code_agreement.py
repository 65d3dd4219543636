"""A decision is made by one code: older code is refused in words, newer code begins it anew."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.conftest import open_connection
from tests.session.small_desk import SmallDesk, session

from nightdesk.core.errors import Refused
from nightdesk.session import context as context_module
from nightdesk.session import steps
from nightdesk.session.code_agreement import OlderCode
from nightdesk.session.entry import open_context
from nightdesk.store.code_rows import KnownCode, announce_code, known_code, package_of
from nightdesk.version import code_version

OLD, NEW = "0.1.0+aaaaaaaaaaaa", "0.1.0+bbbbbbbbbbbb"


@contextmanager
def working_with(version: str) -> Iterator[None]:
    """Steps of the block are done by a process of that version."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(context_module, "code_version", lambda desk=None: version)
        yield


def attempts(desk: SmallDesk, step: str) -> list[tuple[object, ...]]:
    return desk.rows(
        "SELECT status, error FROM nightdesk.run_steps WHERE step = %s ORDER BY run_step_id", step
    )


def test_a_worker_of_older_code_is_refused_in_words_and_told_once_and_another_goes_on(
    desk: SmallDesk,
) -> None:
    with working_with(OLD):
        desk.run(0)
    with working_with(NEW):
        desk.run_steps(1, "ingest", "signals")
    before = desk.dump()
    with working_with(OLD):
        for _ in range(2):
            with pytest.raises(OlderCode, match=re.escape(f"works with code {OLD}, and the desk's is {NEW}")):
                desk.run_steps(1, "settle", "settle")
        with pytest.raises(OlderCode, match="`nightdesk db migrate` there makes it the desk's"):
            desk.run_steps(1, "ingest", "ingest")
    after = desk.dump()
    told = [key for key in after if after[key] != before[key]]
    # The alert, and that the run has a failed step.
    assert told == ["alerts", "runs"]
    status, words = attempts(desk, "settle")[-1]
    assert status == "failed"
    assert socket.gethostname() in str(words)
    [(level, subject)] = desk.rows(
        "SELECT level, subject FROM nightdesk.alerts WHERE alert_key LIKE 'code %%'"
    )
    assert level == "WARNING"
    assert subject == f"the machine {socket.gethostname()} works with older code, which is refused"
    with working_with(NEW):
        desk.run_steps(1, "settle", "close")
    assert desk.rows(
        "SELECT DISTINCT status, code_version FROM nightdesk.runs WHERE session > %s", "2022-03-01"
    ) == [("closed", NEW)]


def test_newer_code_does_not_go_on_with_what_older_code_began(desk: SmallDesk) -> None:
    with working_with(OLD):
        desk.run_steps(0, "ingest", "gate")
    with working_with(NEW):
        with pytest.raises(
            Refused, match=f"begun by code {re.escape(OLD)}, .* again from its ingest step on"
        ):
            desk.run_steps(0, "orders", "orders")
        assert desk.rows("SELECT count(*) FROM nightdesk.orders") == [(0,)]
        # Its ingest alone does not make the steps of older code those of this one.
        desk.run_steps(0, "ingest", "ingest")
        with pytest.raises(Refused, match="changed after quality, factors"):
            desk.run_steps(0, "close", "close")
        desk.run_steps(0, "quality", "close")
    assert desk.rows("SELECT status, code_version FROM nightdesk.runs") == [("closed", NEW)]


def test_what_is_left_of_a_decision_whose_orders_were_sent_is_done_by_newer_code(desk: SmallDesk) -> None:
    with working_with(OLD):
        desk.run_steps(0, "ingest", "submit")
    assert desk.rows("SELECT count(*) > 0 FROM nightdesk.orders WHERE attempts > 0") == [(True,)]
    with working_with(NEW):
        desk.run_steps(0, "report", "close")
    assert desk.rows("SELECT status, code_version FROM nightdesk.runs") == [("closed", OLD)]


def test_a_worker_with_other_plug_ins_is_refused_for_another_one_to_try(desk: SmallDesk) -> None:
    with working_with(f"{NEW}.111111111111"):
        desk.run_steps(0, "ingest", "signals")
    with (
        working_with(f"{NEW}.222222222222"),
        pytest.raises(OlderCode, match="the same package with other plug-ins"),
    ):
        desk.run_steps(0, "settle", "settle")
    with working_with(f"{NEW}.111111111111"):
        desk.run_steps(0, "settle", "close")


def test_code_that_was_announced_is_the_desks_again(desk: SmallDesk) -> None:
    for version, number in ((OLD, 0), (NEW, 1)):
        with working_with(version):
            desk.run(number)
    with open_connection(desk.url) as conn:
        announce_code(conn, OLD)
        assert known_code(conn, OLD) == KnownCode(OLD, is_known=True)
    with working_with(OLD):
        desk.run(2)
    with working_with(NEW), pytest.raises(OlderCode):
        desk.run(3)


def test_announcing_what_is_the_desks_already_writes_nothing(desk: SmallDesk) -> None:
    with open_connection(desk.url) as conn:
        announce_code(conn, OLD)
        announce_code(conn, NEW)
        known = "SELECT code_version, current_since FROM nightdesk.code_versions ORDER BY 1"
        before = desk.rows(known)
        announce_code(conn, NEW)
    assert desk.rows(known) == before


def test_a_dry_run_by_older_code_is_refused_too_and_leaves_no_alert(desk: SmallDesk) -> None:
    for version in (OLD, NEW):
        with open_connection(desk.url) as conn:
            announce_code(conn, version)
    with (
        working_with(OLD),
        desk.connection() as conn,
        open_context(desk.book, session(0), conn=conn, feed=desk.feed, dry_run=True) as context,
        pytest.raises(OlderCode),
    ):
        steps.factors(context)
    assert desk.rows("SELECT count(*) FROM nightdesk.alerts") == [(0,)]


def test_the_package_is_told_from_its_plug_ins() -> None:
    assert package_of(code_version()) == code_version()
    assert package_of(f"{code_version()}.0123456789ab") == code_version()
    assert package_of("0.1.0") == "0.1.0"
