"""Lets tests of many newest sessions do without Great Expectations, which is asked of the newest alone.

What it says is what the desk's own checks say: tests/feeds/test_expectations.py. The commands, the
scheduler's runs and tests/session/test_validations.py ask it.
"""

import pytest

from nightdesk.session import quality_step


def check_quickly(patch: pytest.MonkeyPatch) -> None:
    """Until `patch` is undone, the desk's own checks are made alone."""
    patch.setattr(quality_step, "is_looked_at", lambda context: False)
