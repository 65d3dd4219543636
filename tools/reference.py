"""Write the reference pages, docs/reference/, from the code: book keys, limits, strategies, sizings, factors,
the files of a backtest, and the metrics with the rules on them.

Used like this::

    python tools/reference.py            # writes the pages
"""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import yaml
from pydantic import BaseModel, JsonValue
from pydantic.fields import FieldInfo

from nightdesk import portfolio, strategies
from nightdesk.core.book import Book
from nightdesk.factors.factor_registry import described, families
from nightdesk.metrics.families import SECTIONS, MetricFamily
from nightdesk.research.backtest.result_columns import (
    ACCOUNTS_ONLY,
    BUNDLES_ONLY,
    COLUMN_WORDS,
    FIGURES_ONLY,
    HOURLY_ONLY,
)
from nightdesk.research.backtest.table_columns import kind_of
from nightdesk.research.backtest.tables import TABLES
from nightdesk.risk import rule_names
from nightdesk.risk.rule import Rule, rule_class
from nightdesk.strategies import SignalSide
from nightdesk.strategies.strategy_registry import STRATEGIES

type Places = Mapping[type[BaseModel], str]

FOLDER = Path(__file__).parents[1] / "docs" / "reference"
MADE = "Made from the code by `make reference`"
BOOK_HEAD = f"""\
# A book, key by key

{MADE}; what the keys are for is told in [a book of your own](../book.md). Shares and returns are
fractions of one (0.15 is 15 %), volatilities are annualised, money is in dollars. `nightdesk books BOOK`
shows a book with every default filled in."""
LIMITS_HEAD = f"""\
# Limits: every rule of the gate

{MADE}; how they work together is told in [risk](../risk.md). Rules stand in the order
in which they are asked. One that a book does not name under `limits` does not apply, but for those that are
always on. Numbers are shares (0.05 is 5 %) unless a unit is said.

| rule | group | may make smaller | always on | its sales pass the limits on trades |
| --- | --- | --- | --- | --- |"""
STRATEGIES_HEAD = f"""\
# Strategies

{MADE}. A book names them under `strategies`, with `params`; a strategy of your own:
[strategies and factors](../strategy.md)."""
SIZINGS_HEAD = f"""\
# Sizing methods

{MADE}. A strategy of a book names its method under `sizing`, with `sizing_params`."""
FACTORS_HEAD = f"""\
# Factors

{MADE}. Names in braces are whole numbers but for `width` (a number such as 2 or 2.5),
`base` (another factor), `call` (a call of pandas-ta, as `ta.stoch(14, 3)`) and `series` (one of the book's
`macro.series`, as `macro_DGS10`). `NAME@3` is the value three periods before; `h:NAME` is over hours of the
exchange's clock, for an hourly book. A missing value is NaN.

| factor | what it is |
| --- | --- |"""
FILES_HEAD = f"""\
# The files of a backtest, column by column

{MADE}; what they are for is told in [backtest](../command-line.md#backtest). Each is a CSV, or a
Parquet file of the same name. The columns {{hourly}} stand in those of an hourly book alone,
{{bundles}} in those of a book whose strategies say bundles,
{{accounts}} in those of a book of several accounts, {{figures}} where a strategy shows any.
Instants are UTC: in a CSV as `2026-11-19T15:00:00Z`."""
METRICS_HEAD = f"""\
# Metrics and rules

{MADE}; how they come to Prometheus is told in [metrics](../metrics.md). Units stand in the
names: dollars, seconds, bytes, shares of one (`_ratio`), Unix time (`_timestamp_seconds`). A figure that is
not known has no series. Metrics that end in `_total` are counters, all others gauges."""
RULES_HEAD = """\
## Rules

Of `config/prometheus/rules/`, with how long each waits before it speaks.

| rule | severity | after | tells that |
| --- | --- | --- | --- |"""

SUBJECTS = {
    "entries": "what is opened or added to",
    "positions": "positions",
    "trades": "trades of either direction",
}
WORDS = {
    str: "text",
    int: "whole number",
    float: "number",
    Decimal: "number",
    bool: "true or false",
    JsonValue: "any value",
}
#: What Parquet calls the values of a column.
TYPES = {
    "date": "date",
    "instant": "instant",
    "text": "text",
    "flag": "true or false",
    "count": "whole number",
    "number": "number",
}
BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}


def pages() -> dict[str, str]:
    """The text of every page by the name of its file."""
    made = {
        "book.md": book_page(),
        "limits.md": limits_page(),
        "strategies.md": strategies_page(),
        "sizings.md": sizings_page(),
        "factors.md": factors_page(),
        "files.md": files_page(),
        "metrics.md": metrics_page(),
    }
    return {name: "\n".join(lines) + "\n" for name, lines in made.items()}


def book_page() -> Iterator[str]:
    """Every key of a book, a section for each mapping, in the order of the file."""
    yield BOOK_HEAD
    yield from _models(Book)


def limits_page() -> Iterator[str]:
    """Every rule of the gate, in the order in which rules are asked."""
    rules = [rule for name in rule_names() if _ours(rule := rule_class(name))]
    yield LIMITS_HEAD
    for rule in rules:
        yield (
            f"| [`{rule.name}`](#{rule.name}) | {rule.order // 10} | {SUBJECTS[rule.subject]} | "
            f"{'yes' if rule.always else ''} | {'yes' if rule.exempts else ''} |"
        )
    for rule in rules:
        yield from _rule(rule)


def strategies_page() -> Iterator[str]:
    """Every strategy with its parameters and factors."""
    yield STRATEGIES_HEAD
    for cls in sorted(filter(_ours, STRATEGIES), key=lambda one: one.name):
        strategy, numbers = strategies.make(cls.name, cls.example), "the default parameters"
        if cls.example:
            numbers = ", ".join(f"`{key}: {value}`" for key, value in cls.example.items())
        yield from ("", f"## {strategy.name}", "", _prose(cls))
        yield from _parameters(strategy.Params)
        yield from ("", f"{_sides(strategy.sides)} Factors with {numbers}: {_named(strategy.factors)}.")


def sizings_page() -> Iterator[str]:
    """Every sizing method with its parameters."""
    yield SIZINGS_HEAD
    for sizing in filter(_ours, (portfolio.make(name, path=name) for name in portfolio.names())):
        yield from ("", f"## {sizing.name}", "", _prose(type(sizing)))
        yield from _parameters(sizing.Params)
        yield from ("", f"{_sides(sizing.sides)} Factors: {_named(sizing.factors) or 'none'}.")


def factors_page() -> Iterator[str]:
    """Every family of factors."""
    yield FACTORS_HEAD
    for pattern in families():
        yield f"| `{pattern}` | {_cell(described(pattern))} |"


def metrics_page() -> Iterator[str]:
    """Every metric by its section, and every rule of Prometheus on them."""
    yield METRICS_HEAD
    for title, some in SECTIONS.items():
        yield from ("", f"## {title}", "", "| metric | what it is | labels |", "| --- | --- | --- |")
        yield from map(_metric, some)
    yield ""
    yield RULES_HEAD
    for path in sorted((FOLDER.parents[1] / "config" / "prometheus" / "rules").glob("*.yml")):
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            yield from map(_alert_rule, group["rules"])


def _metric(family: MetricFamily) -> str:
    return f"| `{family.name}` | {_cell(family.words)} | {_named(family.labels)} |"


def _alert_rule(rule: Mapping[str, Any]) -> str:
    placed = re.compile(r"\{\{ *(?:or )?\$(?:labels\.)?(\w+).*?\}\}")
    words = placed.sub(lambda found: found[1].upper(), rule["annotations"]["summary"])
    read_on = rule["annotations"]["runbook"].removeprefix("docs/")
    after = rule.get("for", "at once")
    return f"| [`{rule['alert']}`](../{read_on}) | {rule['labels']['severity']} | {after} | {_cell(words)} |"


def files_page() -> Iterator[str]:
    """Every column of the tables of a backtest, a section for each table."""
    yield FILES_HEAD.format(
        hourly=_named(sorted(HOURLY_ONLY)),
        bundles=_named(sorted(BUNDLES_ONLY)),
        accounts=_named(sorted(ACCOUNTS_ONLY)),
        figures=_named(sorted(FIGURES_ONLY)),
    )
    for table, blocks in TABLES.items():
        yield from ("", f"## {table}", "", _prose(blocks).split("\n\n")[0])
        yield from ("", "| column | what it is | kind |", "| --- | --- | --- |")
        for name, words in COLUMN_WORDS[table].items():
            yield f"| `{name}` | {_cell(words)} | {TYPES[kind_of(table, name)]} |"


def _ours(plug_in: object) -> bool:
    """Whether a plug-in, or its class, comes with the package."""
    cls = plug_in if isinstance(plug_in, type) else type(plug_in)
    return cls.__module__.startswith("nightdesk.") and not cls.__module__.startswith("nightdesk.own.")


def _rule(rule: type[Rule]) -> Iterator[str]:
    yield from ("", f"## {rule.name}", "", _prose(rule))
    yield from _keys(rule.Params)
    yield from ("", f"It says: *{_plain(rule.sentence)}*.")
    for line in rule.sentences.values():
        yield f"Or: *{_plain(line)}*."
    if rule.told_as:
        lines = "; ".join(f"*{_plain(line)}*" for line in rule.told_as.values())
        yield f"Its distance in reports: {lines}."


def _models(root: type[BaseModel]) -> Iterator[str]:
    """A section for a model and for each that its fields hold, by the key where it first stands."""
    places = {root: ""}
    waiting = [root]
    sections: list[type[BaseModel]] = []
    while waiting:
        model = waiting.pop(0)
        sections.append(model)
        fresh = []
        for name, field in model.model_fields.items():
            for suffix, held in _held(field.annotation):
                if held not in places:
                    places[held] = f"{places[model]}{'.' if places[model] else ''}{name}{suffix}"
                    fresh.append(held)
        waiting = [*fresh, *waiting]
    for model in sections:
        yield from ("", f"## {places[model] or 'the book'}", "", _prose(model))
        yield from _keys(model, places)


def _parameters(model: type[BaseModel]) -> Iterator[str]:
    """The parameters of a plug-in, with what its model says of their units."""
    if model.model_fields:
        yield from ("", _prose(model))
        yield from _keys(model)


def _keys(model: type[BaseModel], places: Places = MappingProxyType({})) -> Iterator[str]:
    """The keys of a model; `places` says where the models that they hold have their sections."""
    if not model.model_fields:
        return
    yield from ("", "| key | what it is | value | default |", "| --- | --- | --- | --- |")
    for name, field in model.model_fields.items():
        yield f"| `{name}` | {_cell(field.description or '')} | {_value(field, places)} | {_default(field)} |"


def _value(field: FieldInfo, places: Places) -> str:
    """What a key takes, in words, with its bounds."""
    bounds = [
        f"{words} {getattr(one, name)}"
        for one in field.metadata
        for name, words in BOUNDS.items()
        if getattr(one, name, None) is not None
    ]
    return ", ".join([_kind(field.annotation, places), *bounds])


def _kind(annotation: Any, places: Places) -> str:
    """A type in words."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _kind(inner[0], places)
    if origin is Literal:
        return " or ".join(f"`{_plainly(one)}`" for one in inner)
    if origin in (typing.Union, types.UnionType):
        return " or ".join("null" if one is type(None) else _kind(one, places) for one in inner)
    if origin is dict:
        of = "one of its names" if typing.get_origin(inner[0]) is Literal else _kind(inner[0], places)
        return f"mapping of {of} to {_kind(inner[1], places)}"
    if origin is tuple:
        count = "" if inner[-1] is Ellipsis else f"{len(inner)} "
        return f"list of {count}{_kind(inner[0], places)}"
    if annotation in places:
        return f"[keys](#{re.sub(r'[^a-z0-9_]', '', places[annotation].lower())})"
    return str(WORDS.get(annotation, annotation.__name__))


def _held(annotation: Any, suffix: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """The models that a field's type names, each with what follows the field's name in a path."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield suffix, annotation
    inner = typing.get_args(annotation)
    if typing.get_origin(annotation) is dict:
        yield from _held(inner[1], ".NAME")
    else:
        for one in inner:
            yield from _held(one, suffix)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    return "its own defaults" if isinstance(default, BaseModel) else f"`{_plainly(default)}`"


def _plainly(value: Any) -> str:
    """A value as a book writes it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_plainly, value))}]"
    return str(value)


def _prose(of: Any) -> str:
    """A docstring's paragraphs on one line each; a table in it as it stands."""
    paragraphs = inspect.cleandoc(of.__doc__ or "").split("\n\n")
    return "\n\n".join(
        f"```\n{one}\n```" if one.startswith("===") else one.replace("\n", " ") for one in paragraphs
    )


def _plain(sentence: str) -> str:
    """A sentence with places for its numbers."""
    return re.sub(r"\{\w+[^}]*\}", "…", sentence)


def _cell(text: str) -> str:
    """A text's first paragraph as a cell of a table."""
    return re.sub(r"\s+", " ", text.split("\n\n")[0]).replace("|", "\\|")


def _sides(sides: Iterable[SignalSide]) -> str:
    return f"Sides: {' and '.join(side.name.lower() for side in sorted(sides, reverse=True))}."


def _named(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for file, text in pages().items():
        (FOLDER / file).write_text(text, encoding="utf-8")
