"""Headers of every answer of Airflow's web UI and API: what a browser must not do with them.

A page that sets a header itself, as the cockpit's do, keeps its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Any]]
    Send = Callable[[Any], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]

#: Framed by pages of the same origin alone: Airflow shows the cockpit and pages of plugins in frames.
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"content-security-policy", b"frame-ancestors 'self'"),
)
#: What tells a stranger which program, and which version of it, answers.
LEFT_OUT = {b"server", b"x-powered-by"}

REFUSED = (
    b"Airflow's simple_auth_manager_all_admins makes everybody who reaches this page its admin. "
    b"Unset AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS and start the API server again.\n"
)


class WithHeaders:
    """ASGI middleware: adds the headers, and serves nothing where everybody would be an admin.

    Parameters
    ----------
    app : callable
        What answers.
    everybody_is_admin : bool, optional
        Default: what Airflow's configuration says.
    """

    def __init__(self, app: App, everybody_is_admin: bool | None = None) -> None:
        self._app = app
        self._refuses = _all_admins() if everybody_is_admin is None else everybody_is_admin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": _whole(message.get("headers", ()))}
            await send(message)

        await (_refuse if self._refuses else self._app)(scope, receive, send_with)


def _whole(given: Any) -> list[tuple[bytes, bytes]]:
    kept = [(bytes(name), bytes(value)) for name, value in given if bytes(name).lower() not in LEFT_OUT]
    names = {name.lower() for name, _ in kept}
    return [*kept, *((name, value) for name, value in HEADERS if name not in names)]


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(REFUSED))]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": REFUSED})


def _all_admins() -> bool:
    from airflow.configuration import conf

    return bool(conf.getboolean("core", "simple_auth_manager_all_admins", fallback=False))


class HeadersPlugin(AirflowPlugin):
    """Registers the middleware."""

    name = "nightdesk_headers"
    fastapi_root_middlewares = [{"middleware": WithHeaders, "name": "Nightdesk headers"}]  # noqa: RUF012
