"""Wash sales once more, as the Regulations tell of them: one share at a time, sale after sale, whole cents.

It looks ahead where the ledger waits, has no lots and divides nothing: it shares no way of working with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

#: Day, book, signed whole shares, cents a share.
Deal = tuple[date, str, int, int]


@dataclass(eq=False)
class Share:
    """One share: its purchase (place in the story), and what became of it; money in cents."""

    deal: int
    book: str
    bought: date
    since: date
    basis: int
    used: bool = False
    sold_in: int | None = None
    proceeds: int = 0
    disallowed: int = 0


def shares_of(story: Sequence[Deal], *, newest_first: bool = False) -> list[Share]:
    """All shares that were ever bought, in the order of purchase, after all sales of the story."""
    shares = [
        Share(place, book, day, day, cents)
        for place, (day, book, units, cents) in enumerate(story)
        for _ in range(max(units, 0))
    ]
    for place, (day, book, units, cents) in enumerate(story):
        held = [one for one in shares if one.book == book and one.deal < place and one.sold_in is None]
        if newest_first:
            held.reverse()
        sold = held[: max(-units, 0)]
        for one in sold:
            one.sold_in, one.proceeds = place, cents
        for one in sorted(sold, key=shares.index):
            if one.basis > cents:
                _replace(one, shares, place, day)
    return shares


def _replace(lost: Share, shares: Sequence[Share], place: int, day: date) -> None:
    """Carry the loss of a share into the first share acquired that replaces it."""
    for other in shares:
        before_and_held = other.deal < place and other.sold_in is None and other.deal != lost.deal
        if (before_and_held or other.deal > place) and not other.used and abs(other.bought - day).days <= 30:
            lost.disallowed = lost.basis - lost.proceeds
            other.used = True
            other.basis += lost.disallowed
            other.since -= timedelta(days=(day - lost.since).days)
            return
