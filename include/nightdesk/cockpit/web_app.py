"""The web application: who is let in, what an answer carries along, and how a fault is told."""

from __future__ import annotations

import logging
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware.gzip import GZipMiddleware

from nightdesk.cockpit.forgery import refuse_forged
from nightdesk.cockpit.guards import Guards, Visitor
from nightdesk.cockpit.pages import ROUTERS
from nightdesk.cockpit.screen import templates
from nightdesk.core.errors import NightdeskError, Refused, Transient
from nightdesk.core.masking import mask
from nightdesk.version import code_version

log = logging.getLogger("nightdesk.cockpit")

STATIC = Path(__file__).with_name("static")

#: Of every answer: nothing from elsewhere, framed by Airflow's own pages alone.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "font-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def make_app(guards: Guards) -> FastAPI:
    """The cockpit behind somebody's login.

    Parameters
    ----------
    guards : Guards
        Who tells the visitor of a request.

    Returns
    -------
    FastAPI
        To be mounted at a path of its own; it has no pages about itself.
    """
    asked = Depends(guards.visitor)

    def let_in(request: Request, visitor: Visitor = asked) -> None:
        if not visitor.may_see(""):
            raise HTTPException(403, "You may not look at the desk: ask who runs it.")
        request.state.visitor = visitor

    app = FastAPI(
        title="Nightdesk",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(refuse_forged), Depends(let_in)],
    )
    app.state.guards = guards
    app.add_middleware(GZipMiddleware, minimum_size=1024)
    app.middleware("http")(_with_headers)
    for kind in (StarletteHTTPException, RequestValidationError, NightdeskError, Exception):
        app.add_exception_handler(kind, _told)
    app.get("/static/{name}", include_in_schema=False)(_static)
    for router in ROUTERS:
        app.include_router(router)
    return app


def _static(name: str) -> FileResponse:
    """A file of the cockpit's own: its style, its script, the two libraries that draw."""
    path = STATIC / name
    if path.parent != STATIC or not path.is_file():
        raise HTTPException(404, "There is no such file.")
    return FileResponse(path, headers={"Cache-Control": "private, max-age=86400"})


async def _with_headers(request: Request, call_next: Any) -> Response:
    answer: Response = await call_next(request)
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
    answer.headers.setdefault("Cache-Control", "no-store")
    return answer


async def _told(request: Request, error: Exception) -> Response:
    """A fault in words: a page for a person, JSON for the cockpit's script."""
    status, words = _status_of(error)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, NightdeskError):
        log.error("cockpit_failed path=%s", request.url.path, exc_info=error)
    if request.method != "GET" or "text/html" not in request.headers.get("accept", "text/html"):
        return JSONResponse({"state": "refused", "words": words}, status_code=status)
    page = templates().get_template("fault.html.j2")
    text = page.render(
        base=request.scope.get("root_path", ""), status=status, words=words, version=code_version()
    )
    return Response(text, status_code=status, media_type="text/html", headers=HEADERS)


def _status_of(error: Exception) -> tuple[int, str]:
    if isinstance(error, StarletteHTTPException):
        if error.status_code == HTTPStatus.UNAUTHORIZED:
            return 401, "Your login has expired, or you have none: reload the page of Airflow and log in."
        if error.detail == HTTPStatus.NOT_FOUND.phrase:
            return 404, "The cockpit has no such page."
        return error.status_code, str(error.detail)
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        return 400, f"{'.'.join(str(one) for one in first['loc'][1:])}: {first['msg']}."
    if isinstance(error, Refused):
        return 409, mask(str(error))
    if isinstance(error, Transient):
        return 503, mask(str(error))
    return 500, "The page failed. What happened is in the log of the API server."
