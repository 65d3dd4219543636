"""The list of the benchmark of members is as large, and changes as much, as it says."""

import numpy as np
from benchmarks import members

from nightdesk.core.calendar import get_calendar
from nightdesk.core.members import Membership, MemberSpan, faults_of


def test_so_many_are_members_in_every_session_and_some_of_them_change_each_week() -> None:
    spans = tuple(MemberSpan(*one) for one in members.listed())
    assert faults_of(spans) == []
    calendar = get_calendar()
    first = calendar.shift(members.INCEPTION, -members.WARM_UP)
    sessions = calendar.between(first, calendar.shift(members.INCEPTION, members.DECIDED - 1))
    mask = Membership(spans).mask(sessions, members.symbols())
    assert set(mask.sum(axis=1).tolist()) == {members.MEMBERS}
    changes = (mask[1:] & ~mask[:-1]).sum(axis=1)
    assert set(changes.tolist()) == {0, members.CHANGED}
    assert np.flatnonzero(changes).tolist()[:3] == [4, 9, 14]
