"""Lets tests of many sessions take the desk's own findings of the data checks.

Great Expectations takes a good part of a small session to come to the findings that `Quality.findings` has by
plain comparison. That both are the same is shown in tests/feeds/test_quality.py, on spoilt bars and on real
ones. The commands, the scheduler's runs and the long parities are tested with Great Expectations itself.
"""

import pytest

from nightdesk.feeds import expectations
from nightdesk.feeds.quality import Finding, Quality


def check_quickly(patch: pytest.MonkeyPatch) -> None:
    """Until `patch` is undone, findings are the desk's own."""

    def session_frame(quality: Quality, t: int) -> tuple[Quality, int]:
        return quality, t

    def judge(measured: tuple[Quality, int]) -> list[Finding]:
        quality, t = measured
        return quality.findings(t)

    patch.setattr(expectations, "session_frame", session_frame)
    patch.setattr(expectations, "judge", judge)
