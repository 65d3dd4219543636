"""The page of a book."""

from starlette.testclient import TestClient
from tests.cockpit.decided_desk import DECIDED, SMALL, session


def test_smoke(browser: TestClient) -> None:
    for path in (
        "/",
        f"/books/{SMALL}",
        f"/books/{SMALL}/risk",
        f"/books/{SMALL}/decision",
        f"/books/{SMALL}/session",
        f"/books/{SMALL}/session/stored",
        f"/books/{SMALL}/trace/SPY",
        "/run",
        f"/books/{SMALL}/decision?as_of={session(DECIDED)}",
    ):
        answer = browser.get(path)
        print(path, answer.status_code, len(answer.text))
        open("/tmp/viewsa_out_" + path.strip("/").replace("/", "_").replace("?", "_") + ".html", "w").write(
            answer.text
        )
        if answer.status_code != 200:
            print(answer.text[-600:])
