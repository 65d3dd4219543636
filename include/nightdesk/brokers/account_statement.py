"""A broker's statement of an account: what its line tells late, or not at all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from nightdesk.orders.broker_account import Movement
from nightdesk.orders.fills import Fill


@dataclass(frozen=True)
class AccountStatement:
    """What a broker states of an account over a span of days.

    Attributes
    ----------
    account : str
        The account, as the broker names it.
    first, last : date
        The days that it is of, both included.
    generated_at : datetime
        When the broker made it, UTC.
    fills : tuple of Fill
        Executions in shares and funds, each once, by session and id.
    movements : tuple of Movement
        What moved cash beside executions, each once, by session and id.
    left_out : mapping of str to int
        How many rows say nothing that the desk can book, by reason in words.
    """

    account: str
    first: date
    last: date
    generated_at: datetime
    fills: tuple[Fill, ...] = ()
    movements: tuple[Movement, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)


class StatementSource(ABC):
    """Where the statements of one account come from."""

    @property
    @abstractmethod
    def can_fetch(self) -> bool:
        """Whether the environment says how the broker's service is asked for one."""

    @abstractmethod
    def fetch(self) -> AccountStatement:
        """The newest statement, made by the broker's service.

        Raises
        ------
        Refused
            When the service will not give it, or it cannot be taken as a whole.
        Unreachable, Unreadable
            When it does not come.
        """

    @abstractmethod
    def read(self, content: bytes) -> AccountStatement:
        """The statement in a file that a person has fetched.

        Raises
        ------
        Refused
            When it cannot be taken as a whole.
        """
