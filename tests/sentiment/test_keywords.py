"""Which headlines the words of a book find, and which words are refused."""

from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from nightdesk.core.book import Book, load_book
from nightdesk.core.errors import Refused
from nightdesk.core.keywords import Keywords, plain_words
from nightdesk.sentiment import symbols_by_words, symbols_of

BOOKS = Path(__file__).parents[2] / "books"

WORDS = Keywords(
    {
        "GLD": ("gold", "bullion", "-medal", "-gold coast", "-golden globes", "-gold cup", "-gold rush"),
        "SPY": ("S&P 500", "Wall Street", "US stocks", "-journal"),
        "QQQ": ("Nasdaq", "big tech", "-files to list"),
        "TLT": ("Treasuries", "Treasury yields", "long bond"),
        "BTC-USD": ("bitcoin", "BTC"),
        "AAPL": ("Apple", "iPhone", "-pie", "-cider"),
    }
)

#: Headlines as they are written, with what a person says that they are of.
LABELLED: tuple[tuple[str, str], ...] = (
    ("Gold hits record high as traders bet on rate cuts", "GLD"),
    ("Gold's rally stalls ahead of U.S. jobs data", "GLD"),
    ("PRECIOUS-Gold slips on firm dollar", "GLD"),
    ("Bullion demand in China falls to three-year low", "GLD"),
    ("Central banks bought more gold in May, WGC says", "GLD"),
    ("Swimmer wins gold medal in 200m freestyle", ""),
    ("Gold Coast beaches reopen after cyclone", ""),
    ("Goldman Sachs profit beats estimates", ""),
    ("Golden Globes: the full list of winners", ""),
    ("USA beats Mexico to win Gold Cup", ""),
    ("A new gold rush: the race for data centres", ""),
    ("Marigold shares double in debut", ""),
    ("S&P 500 closes at all-time high", "SPY"),
    ("Futures on the S&P500 dip before Fed", "SPY"),  # missed: it is one word there
    ("S & P 500 's longest streak since 2004", "SPY"),
    ("Wall Street ends lower, dragged by banks", "SPY"),
    ("Wall Street Journal names new editor", ""),
    ("US stocks slump on tariff fears", "SPY"),
    ("Nasdaq jumps 2% as chip makers rally", "QQQ"),
    ("Big Tech earnings lift mood", "QQQ"),
    ("Biotech start-up files to list on Nasdaq", ""),
    ("Treasuries gain as inflation cools", "TLT"),
    ("Treasury yields fall to lowest since March", "TLT"),
    ("Treasury secretary to visit Beijing", ""),
    ("Bitcoin tops $100,000 for first time", "BTC-USD"),
    ("BTC miners under pressure after halving", "BTC-USD"),
    ("Bitcoin and gold rise as dollar weakens", "GLD BTC-USD"),
    ("Bitcoins stolen from exchange", "BTC-USD"),  # missed: words are whole
    ("Apple unveils new iPhone", "AAPL"),
    ("Apple's services revenue beats forecasts", "AAPL"),
    ("The best apple pie in Vermont", ""),
    ("Pineapple exports from Ghana rise", ""),
    ("Crude oil settles up 1%", ""),
    ("Fed holds rates steady, sees fewer cuts", ""),
)


def test_precision_and_recall_on_headlines_that_a_person_labelled() -> None:
    hits = wrong = missed = 0
    for headline, label in LABELLED:
        found, meant = set(WORDS.symbols_in(headline)), set(label.split())
        hits, wrong, missed = (
            hits + len(found & meant),
            wrong + len(found - meant),
            missed + len(meant - found),
        )
    assert wrong == 0
    assert (hits, missed) == (19, 2)


@pytest.mark.parametrize(
    ("headline", "symbols"),
    [
        ("GOLD, at last", ("GLD",)),
        ("Ｇｏｌｄ in wide letters", ("GLD",)),
        ("gold-backed funds", ("GLD",)),
        ("the s&p-500", ("SPY",)),
        ("S&P 5000", ()),
        ("Wall\tStreet", ("SPY",)),
        ("Street of the Wall", ()),
        ("", ()),
        ("!?", ()),
    ],
)
def test_words_are_whole_in_whatever_letters_and_punctuation(headline: str, symbols: tuple[str, ...]) -> None:
    assert WORDS.symbols_in(headline) == symbols


def test_words_add_to_what_the_source_names_and_the_text_marks() -> None:
    wanted = ("GLD", "SPY", "TLT")
    headline = "Gold and Wall Street, by (NYSEARCA: GLD)"
    tagged = symbols_of(headline, [], wanted)
    assert tagged == ("GLD",)
    assert symbols_by_words(headline, tagged, wanted, WORDS) == ("SPY",)
    assert symbols_by_words(headline, symbols_of(headline, ["TLT"], wanted), wanted, WORDS) == ("GLD", "SPY")
    assert symbols_by_words(headline, (), ("TLT",), WORDS) == ()


def test_a_digest_tells_other_words_and_no_other_order() -> None:
    one, other = Keywords({"GLD": ("gold", "Bullion")}), Keywords({"GLD": ("bullion", "GOLD")})
    assert one.digest == other.digest
    assert one.digests["GLD"] != Keywords({"SLV": ("gold", "bullion")}).digests["SLV"]
    assert one.digest != Keywords({"GLD": ("gold", "-bullion")}).digest
    assert Keywords({}).digest == ""
    both = Keywords({"GLD": ("gold", "bullion"), "SPY": ("stocks",)})
    assert both.digests["GLD"] == one.digests["GLD"], "what SPY is known by moves nothing of GLD"


def test_plain_words_of_words_are_themselves() -> None:
    for words in WORDS.by_symbol.values():
        for one in words:
            assert plain_words(plain_words(one)) == plain_words(one)


def written(tmp_path: Path, sentiment: object) -> Book:
    path = tmp_path / "multi_asset.yaml"
    tree = yaml.safe_load((BOOKS / "multi_asset.yaml").read_text())
    path.write_text(yaml.safe_dump({**tree, "sentiment": sentiment}, sort_keys=False))
    return load_book(path)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        (
            {"GDL": ["gold"]},
            r"sentiment.keywords.GDL: GDL is no symbol of this book's universe \(did you mean GLD\?\)",
        ),
        ({"GLD": ["gold", ""]}, r"keywords.GLD: found '', which holds no word"),
        ({"GLD": ["-"]}, r"keywords.GLD: found '-', which holds no word"),
        ({"GLD": ["gold*"]}, r"keywords.GLD: found 'gold\*', and words are taken as they stand"),
        ({"GLD": ["gold|bullion"]}, "words are taken as they stand"),
        ({"GLD": ['"gold"']}, "words are taken as they stand"),
        ({"GLD": ["500"]}, "a number or a single letter"),
        ({"GLD": ["g"]}, "a number or a single letter"),
        ({"GLD": ["gold", "Gold"]}, "keywords.GLD: gold stands there twice"),
        ({"GLD": ["gold", "-gold"]}, "keywords.GLD: gold stands there twice"),
        ({"GLD": ["-medal"]}, "names no word that a headline of it has"),
        ({"GLD": []}, "names no word that a headline of it has"),
        ({"GLD": ["x" * 61]}, "at most 60 characters"),
        ({"GLD": ["gold", "GLD"]}, "found the ticker of a fund, which no headline means by itself"),
        ({"GLD": "gold"}, r"sentiment.keywords.GLD: found 'gold'"),
        ({"gld": ["gold"]}, r"sentiment.keywords.gld"),
        (["gold"], r"sentiment.keywords: found"),
    ],
)
def test_words_that_find_nothing_or_everything_are_refused(
    keywords: object, message: str, tmp_path: Path
) -> None:
    with pytest.raises(Refused, match=message):
        written(tmp_path, {"keywords": keywords})


def test_a_book_without_words_keeps_its_hash_and_one_with_words_has_its_own(tmp_path: Path) -> None:
    plain = load_book(BOOKS / "multi_asset.yaml")
    assert '"sentiment":{"scorer":"lexicon"}' in plain.configuration
    assert written(tmp_path, {"keywords": {}, "discrete": False}).config_hash == plain.config_hash
    hashes = {
        written(tmp_path, one).config_hash
        for one in (
            {"keywords": {"GLD": ["gold"]}},
            {"keywords": {"GLD": ["gold", "bullion"]}},
            {"discrete": True},
            {},
        )
    }
    assert len(hashes) == 4
    book = written(tmp_path, {"keywords": {"GLD": ["gold"]}})
    assert book.sentiment.known_words.symbols_in("Gold") == ("GLD",)
    assert book.initial_capital > Decimal(0)
