"""Equal parts keep what every sizing method must keep."""

from nightdesk.testing import SizingContract


class TestEqualParts(SizingContract):
    """With a number of its own."""

    name = "equal_parts"
    params = {"parts": 4}  # noqa: RUF012
