import subprocess
import sys

import pytest

from nightdesk.core.errors import Refused
from nightdesk.feeds import covers, make


@pytest.mark.parametrize(("name", "kind"), [("sample", "SampleFeed"), ("yahoo", "YahooFeed")])
def test_a_feed_is_made_by_its_name(name, kind):
    assert type(make(name)).__name__ == kind


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "sampel",
            "there is no feed 'sampel'; did you mean sample?",
        ),
        (
            "bloomberg",
            "there is no feed 'bloomberg'; known are alpaca, binance, files:PATH, fred, ibkr, polygon, "
            "sample, tiingo, yahoo",
        ),
        (
            "files:",
            "feed 'files:' lacks its PATH: write files:PATH, PATH being a file or folder of bars, or s3://BUCKET/KEY",
        ),
    ],
)
def test_an_unknown_feed_is_refused_and_the_known_ones_are_named(name, words):
    with pytest.raises(Refused) as error:
        make(name)
    assert str(error.value).partition("; plug-ins")[0].partition(" plug-ins")[0] == words


def test_whether_a_feed_covers_a_symbol_is_told_without_heavy_imports_or_a_network():
    code = (
        "import sys; from nightdesk.feeds import covers;"
        "assert covers('sample', 'SPY') and not covers('sample', 'NOSUCH') and covers('yahoo', 'IBM');"
        "heavy = {'pandas', 'yfinance', 'curl_cffi', 'pyarrow', 'scipy', 'exchange_calendars'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_volatility_index_is_a_symbol_like_any_other():
    assert covers("sample", "^VIX")
