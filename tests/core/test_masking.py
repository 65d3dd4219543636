"""No secret of the environment stays in a text, however it is written there."""

import io
import json
import logging
import traceback
from html import escape
from urllib.parse import quote, quote_plus

import pytest

from nightdesk.core import masking
from nightdesk.core.masking import MaskingFilter, learn, mask, mask_document, mask_error, secrets_of

PASSWORD = "p@ss/wörd 'q\" <&>\\"


@pytest.fixture(autouse=True)
def _nothing_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "_learned", set())


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("NIGHTDESK_ACCOUNT_SWING_KEY", "PKABCDEF", "PKABCDEF"),
        ("NIGHTDESK_ACCOUNT_SWING_SECRET", "hush-hush", "hush-hush"),
        ("NIGHTDESK_POLYGON_TOKEN", "tok_1234", "tok_1234"),
        ("NIGHTDESK_ADMIN_PASSWORD", "opensesame", "opensesame"),
        ("AIRFLOW__CORE__FERNET_KEY", "fernet-key=", "fernet-key="),
        ("POSTGRES_PASSWORD", "elephant", "elephant"),
        ("NIGHTDESK_DATABASE_URL", "postgresql://desk:pw%2Fpw1@db:5432/desk", "pw/pw1"),
        ("NIGHTDESK_DATABASE_URL", "postgresql://desk:pw%2Fpw1@db:5432/desk", "pw%2Fpw1"),
        ("NIGHTDESK_DATABASE_URL", "host=db user=desk password=elephant", "elephant"),
        ("NIGHTDESK_DATABASE_URL", "postgresql:///desk?host=db&password=elephant", "elephant"),
        ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql+psycopg2://a:elephant@db/a", "elephant"),
        ("NIGHTDESK_POLYGON_URL", "https://api.example.com/v2?apiKey=s3cr3t", "s3cr3t"),
        ("NIGHTDESK_ALERT_MAIL", "mailtos://desk:elephant@mail.example.com/ops@example.com", "elephant"),
        ("NIGHTDESK_ALERT_CHAT", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXr/#desk", "TIiajkdnlazkcOXr"),
        ("NIGHTDESK_ALERT_CHAT", "tgram://123456789:abcdefg_hijk/987", "123456789:abcdefg_hijk"),
        ("NIGHTDESK_ALERT_CHAT", "json://hooks.example.com/in/Zx81kq9Q?x=7", "Zx81kq9Q"),
        ("NIGHTDESK_ALERT_BOTH", "json://a.example.com/1 ntfys://:tk_abc123def@ntfy.sh/desk", "tk_abc123def"),
        ("AIRFLOW_CONN_NIGHTDESK_ALERT_MAIL", "generic://:elephant@/", "elephant"),
        ("PGPASSWORD", "elephant", "elephant"),
        ("APCA_API_KEY_ID", "PKABCDEF", "PKABCDEF"),
        ("APCA_API_SECRET_KEY", "hush-hush", "hush-hush"),
        ("ALPACA_API_KEY", "PKABCDEF", "PKABCDEF"),
        ("ALPACA_SECRET_KEY", "hush-hush", "hush-hush"),
        ("POLYGON_API_KEY", "tok_1234", "tok_1234"),
        ("AWS_SECRET_ACCESS_KEY", "/hush+hush", "/hush+hush"),
        ("SMTP_PASSWORD", "elephant", "elephant"),
        ("GITHUB_TOKEN", "ghp_1234", "ghp_1234"),
        ("OAUTH_CLIENT_SECRET", "hush-hush", "hush-hush"),
        ("DATABASE_URL", "postgresql://desk:elephant@db/desk", "elephant"),
        ("https_proxy", "http://desk:elephant@proxy:3128", "elephant"),
        ("REDIS_URI", "redis://:elephant@cache/0", "elephant"),
    ],
)
def test_a_secret_of_the_environment_is_found_and_hidden(name: str, value: str, secret: str) -> None:
    environ = {name: value, "PATH": "/usr/bin"}
    assert secret in secrets_of(environ)
    assert mask(f"it says {secret}, twice {secret}", environ) == "it says ***, twice ***"


@pytest.mark.parametrize(
    "write",
    [str, repr, json.dumps, escape, quote, quote_plus, lambda text: quote(text, safe="").lower()],
    ids=["itself", "repr", "json", "html", "path", "query", "lower case"],
)
def test_a_secret_is_hidden_however_it_is_written(write) -> None:
    written = write(PASSWORD)
    shown = mask(f"<{written}>", {"NIGHTDESK_ACCOUNT_X_SECRET": PASSWORD})
    assert "***" in shown
    assert not any(part in shown for part in ("ss", "rd"))


def test_what_is_no_secret_stays_readable() -> None:
    environ = {
        "NIGHTDESK_DATABASE_URL": "postgresql://nightdesk:nightdesk@db.example.com:5432/nightdesk",
        "NIGHTDESK_ALERT_MAIL": "mailtos://desk:elephant@mail.example.com/ops2026@example.com",
        "NIGHTDESK_ALERT_CHAT": "json://127.0.0.1:8080/services/general",
        "NIGHTDESK_YAHOO_URL": "http://127.0.0.1:9999",
        "NIGHTDESK_HOME": "/var/lib/nightdesk",
        "NIGHTDESK_ACCOUNT_X_KEY": "1234",
        "NIGHTDESK_ACCOUNT_Y_KEY": "",
        "PWD": "/var/lib/nightdesk",
        "OLDPWD": "general",
        "CACHE_TOKEN": "False",
        "POSTGRES_USER": "orders",
        "POSTGRES_PASSWORD": "orders",
        "PGUSER": "services",
        "PGPASSWORD": "services",
        "HOMEPAGE": "http://127.0.0.1:8080/dags",
        "SSH_AUTH_SOCK": "/var/lib/nightdesk",
        "KEYBOARD": "general",
    }
    text = (
        "1234 orders of nightdesk@db.example.com for ops2026@example.com, mail.example.com, "
        "http://127.0.0.1:8080/dags, http://127.0.0.1:9999, general services in /var/lib/nightdesk"
    )
    assert mask(text, environ) == text


def test_a_secret_within_another_leaves_nothing_of_it() -> None:
    environ = {"NIGHTDESK_A_KEY": "abcde", "NIGHTDESK_B_KEY": "abcdefgh"}
    assert mask("abcdefgh abcde", environ) == "*** ***"


def test_a_value_that_came_from_elsewhere_is_hidden_once_it_is_learned() -> None:
    assert mask("from-a-connection", {}) == "from-a-connection"
    learn(["from-a-connection", "a"])
    assert mask("from-a-connection, a", {}) == "***, a"


def test_a_document_keeps_its_shape_and_its_numbers() -> None:
    answer = {"qty": 123456, "price": 1.5, "note": "key 123456", "list": ["123456", None], "123456": True}
    shown = {"qty": 123456, "price": 1.5, "note": "key ***", "list": ["***", None], "***": True}
    assert mask_document(answer, {"NIGHTDESK_ACCOUNT_X_KEY": "123456"}) == shown


class Stubborn(Exception):
    def __str__(self) -> str:
        return "it holds planted-secret"


def raised(first: Exception, second: Exception | None = None) -> Exception:
    """An error as it is caught, with the one that led to it."""
    try:
        try:
            raise first
        except Exception:
            if second is None:
                raise
            raise second  # noqa: B904
    except Exception as error:  # noqa: BLE001
        return error


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTDESK_ACCOUNT_X_SECRET", "planted-secret")


@pytest.mark.usefixtures("planted")
def test_an_error_keeps_its_class_and_its_place_and_loses_its_secrets() -> None:
    error = raised(ValueError("401 for planted-secret", 7), KeyError("planted-secret"))
    error.add_note("while planted-secret was used")
    assert mask_error(error) is error
    assert type(error) is KeyError
    shown = "".join(traceback.format_exception(error))
    assert "ValueError: ('401 for ***', 7)" in shown
    assert "KeyError: '***'" in shown
    assert "while *** was used" in shown
    assert "planted-secret" not in shown


@pytest.mark.usefixtures("planted")
def test_an_error_within_an_error_and_a_group_lose_theirs_too() -> None:
    error = ExceptionGroup("of planted-secret", [ValueError(ValueError("planted-secret"))])
    shown = "".join(traceback.format_exception(mask_error(raised(error))))
    assert "planted-secret" not in shown


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize(
    "error",
    [Stubborn(), FileNotFoundError(2, "No such file", "/tmp/planted-secret")],
    ids=["its own", "a file"],
)
def test_an_error_whose_words_cannot_be_changed_is_replaced(error: Exception) -> None:
    shown = mask_error(raised(error))
    assert type(shown) is RuntimeError
    assert str(shown).startswith(f"{type(error).__name__}: ")
    assert "***" in str(shown)
    assert shown.__cause__ is shown.__context__ is None


@pytest.mark.usefixtures("planted")
def test_a_log_behind_the_filter_shows_no_secret() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(MaskingFilter())
    log = logging.Logger("of this test")  # noqa: LOG001 (no other test shall see its handler)
    log.addHandler(handler)
    secret = "planted-secret"
    log.warning("asked_with key=%s count=%d", secret, 3)
    try:
        raise raised(ValueError(secret), Stubborn())
    except Stubborn:
        log.exception("it_failed")
    assert "asked_with key=*** count=3" in stream.getvalue()
    assert "RuntimeError: Stubborn: it holds ***" in stream.getvalue()
    assert secret not in stream.getvalue()


def test_the_environment_of_the_process_is_the_one_that_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTDESK_ACCOUNT_X_SECRET", "planted-secret")
    assert mask("planted-secret") == "***"
    monkeypatch.delenv("NIGHTDESK_ACCOUNT_X_SECRET")
    assert mask("planted-secret") == "planted-secret"


@pytest.mark.parametrize("address", ["mailto://[", "", "::", "http://[::1"])
def test_an_address_that_is_none_breaks_nothing(address: str) -> None:
    assert mask("text", {"NIGHTDESK_ALERT_MAIL": address, "NIGHTDESK_X_URL": address}) == "text"
