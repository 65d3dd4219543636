"""The words by which a headline is known to be of a symbol, as a book lists them."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

#: Before a word that must not stand in the headline: ``-medal``.
NOT = "-"

_NO_WORD = re.compile(r"[\W_]+")
#: What a search would read as more than itself. Words are taken as they stand.
_PATTERN = re.compile(r"[*?\[\]{}()|^\\\"]")
_LONGEST = 60


def plain_words(text: str) -> str:
    """The words of a text in small letters, without punctuation and with single blanks between them."""
    return _NO_WORD.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


@dataclass(frozen=True)
class _Words:
    """What one symbol is known by, each with a blank before and behind it."""

    wanted: tuple[str, ...]
    unwanted: tuple[str, ...]

    def fit(self, padded: str) -> bool:
        return any(one in padded for one in self.wanted) and not any(one in padded for one in self.unwanted)


@dataclass(frozen=True)
class Keywords:
    """Words and phrases by symbol; one that begins with ``-`` must not stand in the headline.

    A headline is of a symbol when one of its words, or phrases, stands in it as whole words, in whatever
    letters and whatever punctuation: ``S&P 500`` is found in "the S & P 500's rise".
    """

    by_symbol: Mapping[str, tuple[str, ...]]

    def __bool__(self) -> bool:
        return bool(self.by_symbol)

    def symbols_in(self, headline: str) -> tuple[str, ...]:
        """The symbols that a headline is of, in the order of the book."""
        padded = f" {plain_words(headline)} "
        return tuple(symbol for symbol, words in self._parsed.items() if words.fit(padded))

    def searched(self, symbol: str) -> tuple[str, ...]:
        """The words and phrases that a search for a symbol asks for; none for a symbol without keywords."""
        return tuple(one for one in self.by_symbol.get(symbol, ()) if not one.startswith(NOT))

    @cached_property
    def digests(self) -> dict[str, str]:
        """What tells a symbol's words from others, by symbol: the same whatever their order."""
        return {
            symbol: _digest([symbol, sorted(map(_as_compared, words))])
            for symbol, words in self.by_symbol.items()
        }

    @property
    def digest(self) -> str:
        """What tells all of them from others; empty where there are none."""
        return _digest(sorted(self.digests.values())) if self.by_symbol else ""

    @cached_property
    def _parsed(self) -> dict[str, _Words]:
        return {
            symbol: _Words(
                tuple(f" {plain_words(one)} " for one in words if not one.startswith(NOT)),
                tuple(f" {plain_words(one)} " for one in words if one.startswith(NOT)),
            )
            for symbol, words in self.by_symbol.items()
        }


#: Of a book that lists none.
NO_KEYWORDS = Keywords({})


def keyword_faults(by_symbol: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """What is wrong with words, each with the symbol that they are of before it."""
    for symbol, words in by_symbol.items():
        for one in words:
            fault = _fault_of(one)
            if fault:
                yield f"{symbol}: found {one!r}, {fault}"
        plain = [plain_words(one) for one in words]
        twice = sorted({one for one in plain if one and plain.count(one) > 1})
        if twice:
            yield f"{symbol}: {', '.join(twice)} stands there twice: keep one of them"
        if all(one.startswith(NOT) for one in words):
            yield f"{symbol}: it names no word that a headline of it has: add one, or leave {symbol} out"


def _fault_of(word: str) -> str:
    plain = plain_words(word)
    if not plain:
        return "which holds no word: name one, or leave it out"
    if _PATTERN.search(word):
        return "and words are taken as they stand: write each form of the word by itself"
    if len(plain) < 2 or not any(map(str.isalpha, plain)):
        return "which is a number or a single letter, and stands in headlines of all kinds: name a phrase"
    if len(word) > _LONGEST:
        return f"and a keyword has at most {_LONGEST} characters: name a shorter phrase"
    return ""


def _as_compared(word: str) -> str:
    return f"{NOT if word.startswith(NOT) else ''}{plain_words(word)}"


def _digest(tree: object) -> str:
    return hashlib.sha256(json.dumps(tree).encode()).hexdigest()[:12]
