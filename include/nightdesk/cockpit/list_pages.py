"""Pages of a long list: which of its rows one shows, and where those beside it are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nightdesk.core.errors import Refused

#: The highest number that an address may ask for.
HIGHEST = 1_000_000


@dataclass(frozen=True)
class ListPage:
    """One page of a list.

    Parameters
    ----------
    number : int
        From 1 on.
    together : int
        Rows of all pages.
    rows : int
        Rows a page.
    address : callable
        Address of a page by its number.
    """

    number: int
    together: int
    rows: int
    address: Callable[[int], str]

    @property
    def pages(self) -> int:
        """How many there are; an empty list has one."""
        return max(1, -(-self.together // self.rows))

    @property
    def first(self) -> int:
        """Place of its first row in the list, from 1."""
        return (self.number - 1) * self.rows + 1

    @property
    def last(self) -> int:
        """Place of its last row."""
        return min(self.number * self.rows, self.together)

    @property
    def is_beyond(self) -> bool:
        """Whether the list ends before it."""
        return self.number > self.pages


def page_number(name: str, text: str) -> int:
    """The number of a page in an address; ``Refused`` where it is none."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= HIGHEST):
        raise Refused(f"{name}: found {text[:40]!r}; expected a number from 1 on")
    return int(text)
