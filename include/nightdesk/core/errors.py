"""The errors of the desk: each class says what the caller should do next."""


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
    """What a step needs is not there yet, and comes by itself: a decision before is open, a bar is late."""
