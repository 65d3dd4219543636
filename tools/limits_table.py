"""Write the reference of a book's limits, docs/limits.md, from the rules of the gate.

Used like this::

    python tools/limits_table.py > docs/limits.md
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

from nightdesk.risk import rule_names
from nightdesk.risk.rule import Rule, rule_class

HEAD = """# Limits: every rule of the gate

Made from the code by `python tools/limits_table.py`; how they work together is told in [risk](risk.md). Rules
stand in the order in which they are asked. One that a book does not name under `limits` does not apply, but
for those that are always on. Numbers are shares (0.05 is 5 %) unless a unit is said."""

SUBJECTS = {
    "entries": "what is opened or added to",
    "positions": "positions",
    "trades": "trades of either direction",
}


def page() -> str:
    """The whole page."""
    rules = [rule_class(name) for name in rule_names()]
    return (
        "\n".join([HEAD, "", *_overview(rules), *(line for rule in rules for line in _section(rule))]) + "\n"
    )


def _overview(rules: list[type[Rule]]) -> Iterator[str]:
    yield "| rule | group | may make smaller | always on | its sales pass the limits on trades |"
    yield "| --- | --- | --- | --- | --- |"
    for rule in rules:
        yield (
            f"| [`{rule.name}`](#{rule.name}) | {rule.order // 10} | {SUBJECTS[rule.subject]} | "
            f"{'yes' if rule.always else ''} | {'yes' if rule.exempts else ''} |"
        )


def _section(rule: type[Rule]) -> Iterator[str]:
    yield from ("", f"## {rule.name}", "")
    yield re.sub(r"(?<!\n)\n(?!\n)", " ", inspect.cleandoc(rule.__doc__ or ""))
    fields = rule.Params.model_fields
    if fields:
        yield from ("", "| key | default | what it is |", "| --- | --- | --- |")
        for name, field in fields.items():
            default = "required" if field.is_required() else f"`{_said(field.default)}`"
            yield f"| `{name}` | {default} | {field.description or ''} |"
    yield from ("", f"It says: *{_plain(rule.sentence)}*.")
    for line in rule.sentences.values():
        yield f"Or: *{_plain(line)}*."
    if rule.told_as:
        lines = "; ".join(f"*{_plain(line)}*" for line in rule.told_as.values())
        yield f"Its distance in reports: {lines}."


def _said(default: Any) -> str:
    """A default as a book writes it."""
    if default is None:
        return "null"
    return str(default).lower() if isinstance(default, bool) else str(default)


def _plain(sentence: str) -> str:
    """A sentence with places for its numbers."""
    return re.sub(r"\{\w+[^}]*\}", "…", sentence)


if __name__ == "__main__":
    print(page(), end="")
