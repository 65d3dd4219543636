"""The errors of the desk: each class says what the caller should do next."""

from __future__ import annotations

from datetime import datetime


class NightdeskError(Exception):
    """Base of every error that the desk raises on purpose.

    The message says what was found, where, what was expected and what to do.
    """


class Transient(NightdeskError):
    """A passing fault (a time-out, a server that restarts): trying again may heal it."""


class Refused(NightdeskError):
    """A final answer (bad input, a broken promise): trying again gives the same."""


class BadRequest(Refused):
    """What a person has asked for cannot be done (a date that is no session): a matter for who asked."""


class NotYet(Transient):
    """What a step needs is not there yet, and comes by itself: a decision before is open, a bar is late.

    Parameters
    ----------
    message : str
    due : datetime, optional
        When it is due: up to then nobody need be told that it is waited for.
    """

    def __init__(self, message: str, due: datetime | None = None) -> None:
        super().__init__(message)
        self.due = due
