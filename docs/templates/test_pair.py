"""The pair keeps what every strategy must keep that looks at several symbols at once."""

from nightdesk.testing import AcrossSymbolsContract


class TestPair(AcrossSymbolsContract):
    """Of two symbols of the contract's panels."""

    name = "pair"
    params = {"first": "SPY", "second": "S1"}  # noqa: RUF012 (the contract reads it)
