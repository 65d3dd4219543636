"""Every answer of Airflow carries what a browser must not do with it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from desk_headers import HeadersPlugin, WithHeaders


async def plain(request: Request) -> Response:
    return PlainTextResponse("here", headers={"Server": "Airflow/3", "X-Powered-By": "Python"})


async def framed(request: Request) -> Response:
    return PlainTextResponse("here", headers={"Content-Security-Policy": "default-src 'none'"})


async def streamed(request: Request) -> Response:
    async def parts() -> AsyncIterator[str]:
        for part in ("a", "b", "c"):
            yield part

    return StreamingResponse(parts())


async def broken(request: Request) -> Response:
    raise RuntimeError("broken")


APP = Starlette(
    routes=[
        Route("/plain", plain),
        Route("/framed", framed),
        Route("/streamed", streamed),
        Route("/broken", broken),
    ]
)


@pytest.fixture
def browser() -> TestClient:
    return TestClient(WithHeaders(APP, everybody_is_admin=False), raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("path", "status"), [("/plain", 200), ("/streamed", 200), ("/nowhere", 404), ("/broken", 500)]
)
def test_every_answer_whatever_its_status_has_the_headers(
    browser: TestClient, path: str, status: int
) -> None:
    answer = browser.get(path)
    assert answer.status_code == status
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert answer.headers["content-security-policy"] == "frame-ancestors 'self'"
    assert "server" not in answer.headers
    assert "x-powered-by" not in answer.headers
    assert path != "/streamed" or answer.text == "abc"


def test_a_page_keeps_what_it_sets_itself(browser: TestClient) -> None:
    assert browser.get("/framed").headers.get_list("content-security-policy") == ["default-src 'none'"]


def test_where_everybody_would_be_an_admin_nothing_is_served() -> None:
    answer = TestClient(WithHeaders(APP, everybody_is_admin=True)).get("/plain")
    assert answer.status_code == 403
    assert "SIMPLE_AUTH_MANAGER_ALL_ADMINS" in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_airflow_finds_the_middleware_and_its_own_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    (registered,) = HeadersPlugin.fastapi_root_middlewares
    assert registered["middleware"] is WithHeaders
    for switch, status in (("True", 403), ("False", 200)):
        monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS", switch)
        app = Starlette(routes=[Route("/plain", plain)])
        app.add_middleware(registered["middleware"])
        assert TestClient(app).get("/plain").status_code == status
