"""The secrets of the desk, and texts without them: what leaves a process as text passes `mask` first.

What somebody else wrote (a vendor, a broker, a person's reason) passes `one_line` or `mask_line`, so that it
cannot look like a line of ours.

Secrets are values of the environment, and what a process was given beside it and has told to `learn`. Each
is looked for as it is and as addresses, JSON, Python and HTML write it.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from html import escape
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, quote_plus, unquote, urlsplit

HIDDEN = "***"
#: A shorter value is likelier to be part of a word than a secret; Airflow's own masking ends there too.
SHORTEST = 5
#: Where the desk's addresses of mail servers and chats are: secret as a whole, but for those of mail.
ALERT_PREFIX = "NIGHTDESK_ALERT_"

_PREFIXES = ("NIGHTDESK_", "AIRFLOW_", "POSTGRES_")
_SECRET_NAME = re.compile(r"_(KEY|SECRET|TOKEN|PASSWORD)$")
#: Names that mean a secret whoever made them: vendors' (APCA_API_SECRET_KEY, POLYGON_API_KEY), PostgreSQL's
#: PGPASSWORD, and what other programs of the machine keep in its environment.
_FOREIGN_NAME = re.compile(
    r"(^|_|PG|MYSQL_)(PASSWORD|PASSWD|PWD)$|(^|_)(SECRET|TOKEN|PASSPHRASE)$"
    r"|(^|_)(API|SECRET|ACCESS|PRIVATE|AUTH|CLIENT|ENCRYPTION|FERNET)_?(KEY|SECRET)(_ID)?$",
    re.IGNORECASE,
)
#: The shell's own, which the name above would take for secrets.
_NO_SECRETS = {"PWD", "OLDPWD"}
#: A switch is no secret, whatever its name: hidden, it would take a common word out of every text.
_SWITCH = re.compile(r"true|false|none|null|\d{1,5}", re.IGNORECASE)
_ADDRESS_NAME = re.compile(r"_(URL|CONN|DSN)$|^AIRFLOW_CONN_")
_SECRET_FIELD = re.compile(r"pass|token|key|secret|auth", re.IGNORECASE)
_MAIL = ("mailto", "mailtos")
#: A part of a webhook's address that is made and not written: digits among letters, or capitals among small.
_TOKEN = re.compile(r"(?=.{8})(?=.*[A-Za-z])(?=.*\d|.*[a-z].*[A-Z]|.*[A-Z].*[a-z])[^@]*")

#: What moves a terminal's cursor, colours it or writes to its title: ECMA-48's control sequences and strings.
_ESCAPE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[]P^_X]|[\x9d\x90])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b.?"
)
#: Other control characters, the ends of lines and paragraphs, and what turns the direction of writing.
_STEERING = r"\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069"
_CONTROL = re.compile(rf"[\x00-\x1f{_STEERING}]+")
_CONTROL_IN_LINES = re.compile(rf"[\x00-\x08\x0b-\x1f{_STEERING}]+")

_learned: set[str] = set()


def one_line(text: str) -> str:
    """A text of somebody else's as a part of one line of ours.

    Line breaks and control characters become a space, sequences that steer a terminal are left out.
    """
    return _CONTROL.sub(" ", _ESCAPE.sub("", text))


def lines_only(text: str) -> str:
    """A text of several lines that steers no terminal: as `one_line`, with its line feeds and tabs."""
    return _CONTROL_IN_LINES.sub(" ", _ESCAPE.sub("", text))


def mask(text: str, environ: Mapping[str, str] | None = None) -> str:
    """`text` with every secret replaced by ``***``.

    Parameters
    ----------
    text : str
        Anything that is stored, logged, sent or shown.
    environ : mapping of str to str, optional
        Whose secrets are hidden, beside the learned ones (default: this process's environment).
    """
    return _hidden(text, _known(environ))


def mask_line(text: str, environ: Mapping[str, str] | None = None) -> str:
    """A text of somebody else's without secrets, as a part of one line."""
    # Before and after: a secret that a break divides is whole again, and one that holds a break is found.
    return mask(one_line(mask(text, environ)), environ)


def mask_document(value: Any, environ: Mapping[str, str] | None = None) -> Any:
    """A value that is written as JSON, with every secret in its texts and keys replaced."""
    # The environment is read once for the whole of it: a document may hold thousands of texts.
    return _hidden_in(value, _known(environ))


def mask_error(error: BaseException) -> BaseException:
    """An error without secrets, with those that led to it.

    Whoever catches it decides by its class, so it is the same error, its own words changed. Where its words
    are not made of its arguments, it is a RuntimeError that holds them.
    """
    seen, more = set[int](), [error]
    while more:
        one = more.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        one.args = tuple(_masked_argument(argument) for argument in one.args)
        for note in range(len(getattr(one, "__notes__", ()))):
            one.__notes__[note] = mask(one.__notes__[note])
        more += [other for other in (one.__cause__, one.__context__) if other is not None]
        more += one.exceptions if isinstance(one, BaseExceptionGroup) else ()
        if mask(str(one)) != str(one):
            return RuntimeError(mask(f"{type(error).__name__}: {error}"))
    return error


class MaskingFilter(logging.Filter):
    """For a log's handlers: no record of theirs shows a secret, and an event of the desk is one line."""

    def filter(self, record: logging.LogRecord) -> bool:
        said = record.getMessage()
        # An event of the desk is one line; others may well write tables.
        shown = mask_line(said) if record.name.partition(".")[0] == "nightdesk" else mask(said)
        if shown != said:
            record.msg, record.args = shown, ()
        if record.exc_info is not None and record.exc_info[1] is not None:
            error = mask_error(record.exc_info[1])
            record.exc_info = (type(error), error, record.exc_info[2])
        return True


def learn(secrets: Iterable[str]) -> None:
    """Hide these from now on too, in this process: they did not come from its environment."""
    _learned.update(one for one in secrets if len(one) >= SHORTEST)


def secrets_of(environ: Mapping[str, str]) -> frozenset[str]:
    """The values in an environment that nobody may read.

    They are what is called a key, secret, token or password, by us, by vendors or by PostgreSQL; the
    passwords and tokens within addresses; of the addresses of alerts all that could be a token. A password
    that is its user's name is none.
    """
    return _secrets(tuple(sorted(item for item in environ.items() if _may_hold_one(*item))))


def forms_of(secrets: Iterable[str]) -> frozenset[str]:
    """Secrets in every way in which a text may write them."""
    return frozenset(form for secret in secrets for form in _forms(secret))


def _known(environ: Mapping[str, str] | None) -> re.Pattern[str] | None:
    return _pattern(secrets_of(os.environ if environ is None else environ) | _learned)


def _hidden(text: str, pattern: re.Pattern[str] | None) -> str:
    return text if pattern is None else pattern.sub(HIDDEN, text)


def _hidden_in(value: Any, pattern: re.Pattern[str] | None) -> Any:
    match value:
        case str():
            return _hidden(value, pattern)
        case Mapping():
            return {_hidden(str(key), pattern): _hidden_in(one, pattern) for key, one in value.items()}
        case list() | tuple():
            return [_hidden_in(one, pattern) for one in value]
    return value


@lru_cache(maxsize=8)
def _secrets(environ: tuple[tuple[str, str], ...]) -> frozenset[str]:
    found: set[str] = set()
    users = {re.sub("USER$", "PASSWORD", name): value for name, value in environ if name.endswith("USER")}
    for name, value in environ:
        if name.startswith(ALERT_PREFIX):
            for address in value.split():
                found.update(_of_alert_address(address))
        elif "://" in value or (_is_ours(name) and _ADDRESS_NAME.search(name)):
            found.update(_of_address(value))
        elif _is_secret(name, value) and value != users.get(name):
            found.add(value)
    return frozenset(one for one in found if len(one) >= SHORTEST)


def _is_ours(name: str) -> bool:
    return name.startswith(_PREFIXES)


def _is_secret(name: str, value: str) -> bool:
    """Whether a variable's whole value is a secret."""
    if _is_ours(name) and _SECRET_NAME.search(name):
        return True
    foreign = _FOREIGN_NAME.search(name) is not None and name not in _NO_SECRETS
    return foreign and _SWITCH.fullmatch(value) is None


def _may_hold_one(name: str, value: str) -> bool:
    return _is_ours(name) or "://" in value or name.endswith("USER") or _is_secret(name, value)


def _of_alert_address(address: str) -> Iterator[str]:
    yield address
    yield from _of_address(address)
    parts = _split(address)
    if parts is None or parts.scheme.lower() in _MAIL:
        return
    login, _, host = parts.netloc.rpartition("@")
    pieces = [*login.split(":"), *parts.path.split("/"), *(value for _, value in parse_qsl(parts.query))]
    # The host of some services is the token itself; one with a dot is a name or a number of the network.
    pieces += [] if "." in host else [host]
    yield from (form for piece in pieces for form in (piece, unquote(piece)) if _TOKEN.fullmatch(form))


def _of_address(address: str) -> Iterator[str]:
    for password in re.findall(r"\bpassword\s*=\s*'?([^'\s&]+)", address):
        yield from (password, unquote(password))
    parts = _split(address)
    if parts is None:
        return
    if parts.password is not None and parts.password != parts.username:
        yield from (parts.password, unquote(parts.password))
    yield from (value for field, value in parse_qsl(parts.query) if _SECRET_FIELD.search(field))


def _masked_argument(argument: object) -> object:
    text = argument if isinstance(argument, str) else str(argument)
    return argument if mask(text) == text else mask(text)


def _split(address: str) -> SplitResult | None:
    try:
        return urlsplit(address)
    except ValueError:
        return None


@lru_cache(maxsize=8)
def _pattern(secrets: frozenset[str]) -> re.Pattern[str] | None:
    forms = forms_of(secrets)
    # The longest first: a secret within another must not leave the rest of it readable.
    longest_first = sorted(forms, key=lambda form: (-len(form), form))
    return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None


def _forms(secret: str) -> Iterator[str]:
    """A secret as it may stand in a text."""
    yield from (secret, escape(secret), repr(secret)[1:-1], json.dumps(secret)[1:-1])
    for encoded in (quote(secret), quote(secret, safe=""), quote_plus(secret)):
        yield encoded
        yield re.sub("%..", lambda byte: byte[0].lower(), encoded)
