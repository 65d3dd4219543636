"""Whether a way to the database is encrypted as it was asked for.

libpq takes ``sslmode`` and ``sslrootcert`` from an address or from its own variables (``PGSSLMODE``); by
default it is content with a server that does not encrypt. `TLS_VARIABLE` makes that an error, before a
password leaves the machine.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from psycopg2.extensions import parse_dsn

from nightdesk.core.errors import Refused

TLS_VARIABLE = "NIGHTDESK_DATABASE_TLS"

#: What may be asked for, and the modes that give it: the later ones give more.
_MODES = {"require": ("require", "verify-ca", "verify-full"), "verify-full": ("verify-full",)}
_MEANS = {
    "require": "an encrypted connection",
    "verify-full": "an encrypted connection to a server whose name and certificate are checked",
}


def check_tls(url: str, variable: str, environ: Mapping[str, str] | None = None) -> None:
    """Refuse an address that does not ask for the TLS that `TLS_VARIABLE` wants.

    A socket of this machine needs none: libpq never encrypts it.

    Parameters
    ----------
    url : str
        An address that libpq can read.
    variable : str
        The variable that names it, for the error.
    environ : mapping of str to str, optional
        The environment.

    Raises
    ------
    Refused
        When the address asks for less, or what is wanted is no such mode.
    """
    environ = os.environ if environ is None else environ
    wanted = environ.get(TLS_VARIABLE) or ""
    if not wanted:
        return
    if wanted not in _MODES:
        raise Refused(f"{TLS_VARIABLE} is {wanted!r}: expected {' or '.join(_MODES)}, or nothing")
    parts = parse_dsn(url)
    if not _leaves_the_machine(parts, environ):
        return
    mode = parts.get("sslmode") or environ.get("PGSSLMODE") or "prefer"
    if mode not in _MODES[wanted]:
        root = "&sslrootcert=/path/to/ca.pem" if wanted == "verify-full" else ""
        raise Refused(
            f"{TLS_VARIABLE} is {wanted}, but {variable} asks for sslmode={mode}, which is not "
            f"{_MEANS[wanted]}: add sslmode={wanted}{root} to the address"
        )


def _leaves_the_machine(parts: Mapping[str, str], environ: Mapping[str, str]) -> bool:
    hosts = parts.get("hostaddr") or parts.get("host") or environ.get("PGHOST") or ""
    return any(host and not host.startswith(("/", "@")) for host in hosts.split(","))


def asynchronous(sqlalchemy_url: str) -> tuple[str, dict[str, str]]:
    """Airflow's own address as its asynchronous driver, asyncpg, reads it.

    asyncpg calls libpq's ``sslmode`` ``ssl``, and takes files of certificates from libpq's variables alone.

    Parameters
    ----------
    sqlalchemy_url : str
        ``postgresql+psycopg2://...``, with libpq's parameters.

    Returns
    -------
    url : str
        ``postgresql+asyncpg://...``.
    variables : dict of str to str
        What the environment of the process must hold with it; empty without certificates.
    """
    from urllib.parse import parse_qsl, quote, urlencode, urlsplit

    files = {"sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY"}
    taken = {"host", "port", "user", "password", "database"}
    parts = urlsplit(sqlalchemy_url)
    given = dict(parse_qsl(parts.query))
    kept = {name: value for name, value in given.items() if name in taken}
    if "sslmode" in given:
        kept["ssl"] = given["sslmode"]
    if "connect_timeout" in given:
        kept["timeout"] = given["connect_timeout"]
    query = urlencode(kept, safe="/", quote_via=quote)
    url = f"postgresql+asyncpg://{parts.netloc}{parts.path}{'?' + query if query else ''}"
    return url, {variable: given[name] for name, variable in files.items() if name in given}
