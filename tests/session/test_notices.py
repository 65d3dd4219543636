"""A condition is told when it begins, when it turns graver and when it is over, and at no other look."""

from dataclasses import replace

from nightdesk.session.notices import Condition, Look, notice
from nightdesk.store.alert_spells import AlertSpell
from nightdesk.store.db import Connection
from nightdesk.store.message_rows import alerts_of

GLD = Condition("quarantine", "GLD", "WARNING", "GLD is in quarantine.", "Wait.")
TLT = replace(GLD, subject="TLT", words="TLT is in quarantine.")


def look(conn: Connection, stamp: str, *conditions: Condition) -> int:
    def over(spell: AlertSpell) -> str | None:
        return None if spell.subject == "SILENT" else f"{spell.subject} is well."

    return notice(conn, Look("b", ("quarantine",), stamp), conditions, over)


def told(conn: Connection) -> list[tuple[str, str, str]]:
    return [(row["level"], row["subject"], row["body"]) for row in reversed(alerts_of(conn))]


def test_what_begins_at_one_look_is_one_alert_and_what_goes_on_is_none(conn: Connection) -> None:
    assert [look(conn, "1", TLT, GLD), look(conn, "1", TLT, GLD), look(conn, "2", GLD, TLT)] == [1, 0, 0]
    assert told(conn) == [
        ("WARNING", "b: in quarantine: GLD, TLT", "GLD is in quarantine.\nTLT is in quarantine.\n\nWait.")
    ]


def test_what_turns_graver_is_told_once_more_and_what_turns_milder_is_not(conn: Connection) -> None:
    held = replace(GLD, level="CRITICAL")
    assert [look(conn, f"{n}", one) for n, one in enumerate((GLD, held, held, GLD, held))] == [1, 1, 0, 0, 0]
    assert [level for level, _, _ in told(conn)] == ["WARNING", "CRITICAL"]


def test_the_end_is_told_once_and_a_new_spell_is_news(conn: Connection) -> None:
    assert [look(conn, "1", GLD, TLT), look(conn, "2"), look(conn, "3"), look(conn, "4", GLD)] == [1, 1, 0, 1]
    assert told(conn)[1] == ("INFO", "b: over: GLD, TLT", "GLD is well.\nTLT is well.")


def test_a_spell_may_end_without_a_word(conn: Connection) -> None:
    assert [look(conn, "1", replace(GLD, subject="SILENT")), look(conn, "2"), look(conn, "3")] == [1, 0, 0]


def test_a_look_for_other_kinds_ends_nothing(conn: Connection) -> None:
    look(conn, "1", GLD)
    assert notice(conn, Look("b", ("limit",), "2"), [], lambda spell: "over") == 0
    assert notice(conn, Look("another", ("quarantine",), "2"), [], lambda spell: "over") == 0


def test_hundreds_of_symbols_are_one_alert_whose_subject_can_be_read(conn: Connection) -> None:
    assert look(conn, "1", *(replace(GLD, subject=f"S{n:03}") for n in range(500))) == 1
    ((_, subject, body),) = told(conn)
    assert subject == "b: in quarantine: S000, S001, S002, S003, S004, S005 and 494 more"
    assert body.count("Wait.") == 1
