"""What members have become by a corporate action has a column, and is no member."""

from datetime import date

from nightdesk.core.members import Membership, MemberSpan, Succession

FIRST, THEN, LATER = date(2025, 9, 1), date(2025, 9, 15), date(2025, 10, 1)
LISTED = Membership((MemberSpan("OLD", FIRST, None, "staples"), MemberSpan("XYZ", FIRST, None, "energy")))


def test_a_successor_is_named_from_its_session_on_in_the_group_of_the_member() -> None:
    found = LISTED.with_successors([Succession("OLD", THEN, "NEW")])
    assert found.groups(FIRST, date(2025, 9, 12)) == {"OLD": "staples", "XYZ": "energy"}
    assert found.groups(FIRST, THEN) == {"NEW": "staples", "OLD": "staples", "XYZ": "energy"}
    assert found.at(THEN) == ("OLD", "XYZ")


def test_what_a_successor_becomes_is_one_too_and_a_stranger_s_is_none() -> None:
    chain = [Succession("NEW", LATER, "LAST"), Succession("OLD", THEN, "NEW"), Succession("ABC", THEN, "DEF")]
    assert LISTED.with_successors(chain).groups(FIRST, LATER).keys() == {"LAST", "NEW", "OLD", "XYZ"}


def test_what_was_no_member_yet_brings_nothing_and_a_member_keeps_its_own_group() -> None:
    early = Succession("OLD", date(2025, 8, 1), "NEW")
    assert LISTED.with_successors([early]) == LISTED
    assert LISTED.with_successors([Succession("OLD", THEN, "XYZ")]).groups(FIRST, THEN)["XYZ"] == "energy"
