"""The stored page of a session stands in a frame in which nothing runs and nothing leads out."""

from starlette.testclient import TestClient
from tests.cockpit.decided_desk import DECIDED, SMALL, DecidedDesk, session

from nightdesk.cockpit.session_view_page import unlinked


def test_the_frame_leads_to_the_page_as_it_is_stored(browser: TestClient, decided_desk: DecidedDesk) -> None:
    frame = browser.get(f"/books/{SMALL}/session", params={"as_of": f"{session(2)}"}).text
    address = f"/cockpit/books/{SMALL}/session/stored?as_of={session(2)}T21%3A00Z"
    assert f'sandbox="" title="Page of {session(2)}" src="{address}"' in frame
    answer = browser.get(f"/books/{SMALL}/session/stored", params={"as_of": f"{session(2)}T21:00Z"})
    ((html,),) = decided_desk.rows(
        "SELECT html FROM nightdesk.reports WHERE book = %s AND session = %s", SMALL, session(2)
    )
    assert answer.text == html


def test_the_page_has_a_policy_without_script_request_or_way_out(browser: TestClient) -> None:
    policy = browser.get(f"/books/{SMALL}/session/stored").headers["content-security-policy"]
    parts = [one.strip() for one in policy.split(";")]
    assert "default-src 'none'" in parts
    assert "sandbox" in parts
    assert "frame-ancestors 'self'" in parts
    assert not any(one.startswith("script-src") or "allow-" in one for one in parts)


def test_a_decision_without_a_page_says_so(browser: TestClient) -> None:
    page = browser.get(f"/books/{SMALL}/session", params={"as_of": f"{session(DECIDED)}"}).text
    assert f"No page of {session(DECIDED)} is stored: it is failed" in page
    assert "<iframe" not in page
    answer = browser.get(f"/books/{SMALL}/session/stored", params={"as_of": f"{session(DECIDED)}"})
    assert answer.status_code == 404
    assert "its report makes it" in answer.text


def test_a_link_to_files_beside_the_page_names_them_instead() -> None:
    linked = '<p><a href="data-docs/2025-01-08.html">Data Docs</a>: every check</p><a href="#top">up</a>'
    assert unlinked(linked) == (
        "<p>Data Docs (<code>data-docs/2025-01-08.html</code> in the folder of the book's reports): "
        'every check</p><a href="#top">up</a>'
    )
