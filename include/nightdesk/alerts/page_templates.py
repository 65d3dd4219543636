"""The templates of pages and mails, with the filters that write their figures."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from nightdesk.alerts import figures
from nightdesk.alerts.risk_lines import pair_words

if TYPE_CHECKING:
    import jinja2


@lru_cache(maxsize=1)
def templates() -> jinja2.Environment:
    """The templates; every text that goes into one of HTML is escaped."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("nightdesk.alerts"),
        autoescape=lambda name: name is None or not name.endswith(".txt.j2"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for write in (figures.money, figures.price, figures.percent, figures.quantity, figures.number):
        environment.filters[write.__name__] = write
    environment.filters |= {"long_date": figures.long_date, "instant": figures.instant, "tone": figures.tone}
    environment.filters |= {"pair_words": pair_words, "sentence": sentence, "short": short, "headed": headed}
    environment.filters["counted"] = counted
    return environment


def sentence(text: str) -> str:
    """A text as a sentence: a capital before it, a full stop behind it."""
    return f"{text[:1].upper()}{text[1:]}".removesuffix(".") + "."


def headed(text: str) -> str:
    """A text as the head of a column: with a capital before it."""
    return text[:1].upper() + text[1:]


def short(text: str, longest: int) -> str:
    """A text of one line, or its beginning with an ellipsis."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


def counted(number: int, noun: str, several: str = "") -> str:
    """A number and what it counts: ``1 trade``, ``3 trades``; `several` where that is no ``s`` more."""
    return f"{number:,} {noun if number == 1 else several or f'{noun}s'}"
