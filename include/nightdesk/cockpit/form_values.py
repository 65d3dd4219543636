"""The fields of a form, and what a person has put into them: checked by kind, refused in words."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from nightdesk.core.errors import Refused

Kind = Literal["text", "number", "date", "choice", "check", "book"]

_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_NUMBER = re.compile(r"\d{1,18}(\.\d{1,10})?")


@dataclass(frozen=True)
class Field:
    """One field of a form.

    Parameters
    ----------
    name, label : str
        In the request, and for people.
    kind : str
        What may stand in it; ``book`` is a choice of the started books.
    required : bool
        Whether it must not be empty.
    help : str
        A hint beneath the label.
    choices : sequence of str
        Of a ``choice``; the first is chosen where nothing is.
    longest : int
        Characters at most.
    """

    name: str
    label: str
    kind: Kind = "text"
    required: bool = True
    help: str = ""
    choices: Sequence[str] = ()
    longest: int = 60

    def check(self, value: str, books: Sequence[str]) -> str:
        """The value without blanks around it.

        Raises
        ------
        Refused
            When it is missing, too long, of several lines, or not of the field's kind.
        """
        text = value.strip()
        if len(text) > self.longest:
            raise Refused(f"{self.label}: {len(text):,} characters; at most {self.longest} are taken")
        if _CONTROL.search(text):
            raise Refused(f"{self.label}: it must be one line, without control characters")
        if not text:
            if self.required and self.kind != "check":
                raise Refused(f"{self.label}: it is empty, and is needed")
            return ""
        self._check_kind(text, self.choices if self.kind == "choice" else books)
        return text

    def _check_kind(self, text: str, allowed: Sequence[str]) -> None:
        if self.kind in ("choice", "book") and text not in allowed:
            raise Refused(f"{self.label}: found {text!r}; expected one of {', '.join(allowed) or 'none'}")
        if self.kind == "check" and text not in ("on", "yes"):
            raise Refused(f"{self.label}: found {text!r}; it is ticked or left out")
        if self.kind == "number" and _NUMBER.fullmatch(text) is None:
            raise Refused(f"{self.label}: found {text!r}; expected a number of 0 or more, such as 1.5")
        if self.kind == "date":
            _day(self.label, text)


@dataclass(frozen=True)
class Values:
    """What stands in the fields of a form, checked."""

    given: Mapping[str, str]

    def text(self, name: str) -> str:
        """A field's text; empty where nothing was given."""
        return self.given.get(name, "")

    def checked(self, name: str) -> bool:
        """Whether a box is ticked."""
        return bool(self.given.get(name))

    def number(self, name: str) -> float:
        """A field's number; NaN where nothing was given."""
        text = self.given.get(name)
        return float(text) if text else math.nan

    def whole(self, name: str) -> int:
        """A field's whole number; `Refused` where it has a fraction."""
        text = self.given.get(name, "")
        if not text.isdigit():
            raise Refused(f"{name}: found {text!r}; expected a whole number")
        return int(text)

    def day(self, name: str) -> date:
        """A field's day."""
        return _day(name, self.given.get(name, ""))


def read_form(fields: Sequence[Field], sent: Mapping[str, str], books: Sequence[str]) -> Values:
    """Check what was sent against a form's fields; `Refused` names the field that is wrong.

    Parameters
    ----------
    fields : sequence of Field
        All that the form has; another name is refused.
    sent : mapping of str to str
        Names and texts.
    books : sequence of str
        Books that may be named.
    """
    unknown = sorted(sent.keys() - {one.name for one in fields})
    if unknown:
        raise Refused(f"{unknown[0][:60]!r} is no field of this form")
    return Values({one.name: one.check(sent.get(one.name, ""), books) for one in fields})


def _day(label: str, text: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise Refused(f"{label}: found {text[:40]!r}; expected a date such as 2026-11-20") from None
    if not 1990 <= found.year <= 2100:
        raise Refused(f"{label}: {found} lies outside 1990 to 2100")
    return found
