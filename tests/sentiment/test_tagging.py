"""Which symbols a headline is of."""

import pytest

from nightdesk.sentiment import symbols_of

WANTED = ("AAPL", "XOM", "BTC-USD", "BRK-B", "A", "IT")


@pytest.mark.parametrize(
    ("headline", "named", "symbols"),
    [
        ("Oil and phones", ["XOM", "AAPL"], ("XOM", "AAPL")),
        ("Oil and phones", ["aapl", "AAPL", "MSFT"], ("AAPL",)),
        ("Coins", ["BTCUSD"], ("BTC-USD",)),
        ("Coins", ["BTC/USD"], ("BTC-USD",)),
        ("Berkshire", ["BRK.B"], ("BRK-B",)),
        ("$AAPL and $msft rise", [], ("AAPL",)),
        ("Exxon (NYSE: XOM) and Apple (NASDAQ:AAPL)", [], ("XOM", "AAPL")),
        ("A good day for IT", [], ()),
        ("Of $AAPL, says the text, but its source knows better", ["XOM"], ("XOM",)),
        ("Of $AAPL, but the source names one that is not wanted", ["MSFT"], ()),
        ("It costs $5", [" "], ()),
    ],
)
def test_the_source_names_the_symbols_and_else_the_text_marks_them(
    headline: str, named: list[str], symbols: tuple[str, ...]
) -> None:
    assert symbols_of(headline, named, WANTED) == symbols
