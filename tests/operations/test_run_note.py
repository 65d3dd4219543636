"""What the note of a run says of it."""

from __future__ import annotations

import pytest
from tests.conftest import open_connection
from tests.session.kept_desk import DeskAfter
from tests.session.small_desk import SmallDesk, session

from nightdesk.operations.run_note import begun, describe

TASK = "daily__small/manual__1/any/1"


def said(desk: SmallDesk, number: int, *, run: str = "manual__1", **how: object) -> str:
    with open_connection(desk.url) as conn, desk.at(number) as context:
        chosen = {"dry_run": False, "failed": None, **how}
        return describe(
            conn, context.book.name, context.as_of, context.name, dag_id="daily__small", run_id=run,
            **chosen,  # type: ignore[arg-type]
        )  # fmt: skip


def test_a_run_that_decided_a_session_says_so_and_one_again_that_it_only_compared(
    desk_after: DeskAfter,
) -> None:
    desk = desk_after(1)
    assert said(desk, 0) == f"{session(0)}, decided"
    desk.run(0, task=TASK)
    assert said(desk, 0) == f"{session(0)}, sealed and compared: nothing differs, decided"
    assert said(desk, 0, run="another") == f"{session(0)}, decided"


def test_a_run_of_a_sealed_session_says_how_much_differs(desk_after: DeskAfter) -> None:
    desk = desk_after(1)
    desk.rows("UPDATE nightdesk.regimes SET vix = vix + 1 RETURNING 1")
    desk.run(0, task=TASK)
    assert said(desk, 0) == f"{session(0)}, sealed and compared: 1 row differs, decided"


def test_a_session_without_one_strategys_signals_is_degraded(desk_after: DeskAfter) -> None:
    desk = desk_after(1)
    [(strategy,), *_] = desk.rows("SELECT DISTINCT strategy FROM nightdesk.signals ORDER BY 1")
    desk.rows("DELETE FROM nightdesk.signals WHERE strategy = %s RETURNING 1", strategy)
    assert said(desk, 0) == f"{session(0)}, decided, degraded: no signals of {strategy}"


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"failed": ("gate",)}, "failed: gate"),
        ({"failed": ()}, "failed"),
        ({"dry_run": True}, "dry run: nothing kept, nothing sent"),
        ({"dry_run": True, "failed": ("gate",)}, "dry run: nothing kept, nothing sent, failed: gate"),
        ({"run": "catching_up__2025-01-08"}, "catching up, decided"),
    ],
)
def test_a_run_says_that_it_failed_was_dry_or_catches_up(
    desk_after: DeskAfter, how: dict[str, object], words: str
) -> None:
    assert said(desk_after(1), 0, **how) == f"{session(0)}, {words}"  # type: ignore[arg-type]


def test_a_run_says_at_its_beginning_what_it_is() -> None:
    assert begun(f"{session(0)}", "catching_up__x", dry_run=True) == [
        f"{session(0)}", "catching up", "dry run: nothing kept, nothing sent",
    ]  # fmt: skip
