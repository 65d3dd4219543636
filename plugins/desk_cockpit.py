"""The cockpit in Airflow's web UI: behind its login, by its permissions, on its pages.

The application is made when the first request for it arrives: every process of Airflow loads this file, and
only the API server serves pages.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, MutableMapping

    from fastapi import FastAPI

PREFIX = "/cockpit"

#: Who may change variables of Airflow may act on the desk as a whole.
DESK_VARIABLE = "nightdesk"


class Cockpit:
    """An ASGI application that is made at its first request."""

    def __init__(self) -> None:
        self._app: FastAPI | None = None
        self._lock = threading.Lock()

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        await self._made()(scope, receive, send)

    def _made(self) -> FastAPI:
        with self._lock:
            if self._app is None:
                from desk_connections import desk_environment
                from nightdesk.cockpit.guards import Guards
                from nightdesk.cockpit.web_app import make_app

                self._app = make_app(
                    Guards(visitor=_visitor(), environ=desk_environment, start_run=_start_run)
                )
            return self._app


def _visitor() -> Callable[..., Any]:
    """The dependency that tells who asks, by Airflow's own login and permissions."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.models.resource_details import DagDetails, VariableDetails
    from airflow.api_fastapi.core_api.security import get_user
    from fastapi import Depends

    from nightdesk.cockpit.guards import Visitor

    def visitor(user: Any = Depends(get_user)) -> Visitor:  # noqa: B008 (how FastAPI is told of it)
        manager = get_auth_manager()

        def allowed(method: Any, book: str) -> bool:
            ids = [f"daily__{book}", f"hourly__{book}"] if book else [None]
            return any(
                manager.is_authorized_dag(
                    method=method, details=None if one is None else DagDetails(id=one), user=user
                )
                for one in ids
            )

        def may_act(book: str) -> bool:
            variable = VariableDetails(key=DESK_VARIABLE)
            return allowed("PUT", book) and manager.is_authorized_variable(
                method="PUT", details=variable, user=user
            )

        return Visitor(user.get_name(), lambda book: allowed("GET", book), may_act)

    return visitor


def _start_run(dag_id: str, form: Mapping[str, Any], user: str) -> str:
    """Start a run of a DAG as the form of the web UI does; `Refused` in words where it cannot be."""
    from airflow.api.common.trigger_dag import trigger_dag
    from airflow.exceptions import AirflowException
    from airflow.utils.types import DagRunTriggeredByType

    from nightdesk.core.errors import Refused

    try:
        run = trigger_dag(
            dag_id, triggered_by=DagRunTriggeredByType.UI, triggering_user_name=user, conf=dict(form)
        )
    except (AirflowException, ValueError) as error:
        raise Refused(f"Airflow does not start {dag_id}: {error}") from None
    if run is None:
        raise Refused(f"Airflow does not start {dag_id}: look at its page")
    return str(run.run_id)


class CockpitPlugin(AirflowPlugin):
    """Registers the cockpit: its pages, its place in the navigation, tabs of DAGs and runs, a card."""

    name = "nightdesk_cockpit"
    fastapi_apps = [{"app": Cockpit(), "url_prefix": PREFIX, "name": "Nightdesk cockpit"}]  # noqa: RUF012
    external_views = [  # noqa: RUF012 (Airflow reads lists)
        {
            "name": "Nightdesk",
            "href": f"{PREFIX}/",
            "destination": "nav",
            "url_route": "nightdesk",
            "icon": f"{PREFIX}/static/icon.svg",
            "icon_dark_mode": f"{PREFIX}/static/icon-dark.svg",
            "nav_top_level": True,
        },
        {
            "name": "Session",
            "href": f"{PREFIX}/run?dag_id={{DAG_ID}}&run_id={{RUN_ID}}",
            "destination": "dag_run",
            "url_route": "session",
        },
        {
            "name": "Book",
            "href": f"{PREFIX}/dag?dag_id={{DAG_ID}}",
            "destination": "dag",
            "url_route": "book",
        },
    ]
    react_apps = [  # noqa: RUF012
        {
            "name": "Nightdesk books",
            "bundle_url": f"{PREFIX}/static/card.js",
            "destination": "dashboard",
            "url_route": "nightdesk-books",
        }
    ]
