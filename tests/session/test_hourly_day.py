"""People are told of an hourly book's day as one: its mail and its milestone count from the close before."""

from decimal import Decimal

from tests.session.hourly_desk import HourlyDesk, at

from nightdesk.alerts.figures import money

#: The last decision of the first session, and of the second.
FIRST_CLOSE, SECOND_CLOSE = 6, 13


def nav(desk: HourlyDesk, number: int) -> Decimal:
    ((found,),) = desk.rows("SELECT nav FROM nightdesk.portfolio WHERE as_of = %s", at(number))
    return Decimal(found)


def watch_all(desk: HourlyDesk) -> None:
    """Decide every hour of both sessions as it comes."""
    for number in range(SECOND_CLOSE + 1):
        desk.watch(number)
        desk.run(number)


def test_a_milestone_of_the_day_is_told_once_with_what_the_day_has_come_to(hourly_desk: HourlyDesk) -> None:
    hourly_desk.write_book(alerts={"milestones": {"profit": 1e-9, "loss": -1e-9}})
    watch_all(hourly_desk)
    rows = hourly_desk.rows(
        "SELECT alert_key, body FROM nightdesk.alerts WHERE alert_key LIKE 'milestone %%' ORDER BY alert_id"
    )
    names = [key for key, _ in rows]
    assert names
    assert len(names) == len(set(names)) <= 2, "a profit and a loss at most"
    assert {key.split()[2] for key in names} == {"2019-12-03"}, "the first session has no day before it"
    moved = {
        money(nav(hourly_desk, number) - nav(hourly_desk, FIRST_CLOSE), signed=True)
        for number in range(FIRST_CLOSE + 1, SECOND_CLOSE + 1)
    }
    for _, body in rows:
        assert f"from {money(nav(hourly_desk, FIRST_CLOSE))} at the close of 2019-12-02" in body
        assert any(f"NAV moved by {one} (" in body for one in moved)


def test_the_mail_of_the_day_has_the_profit_and_the_trades_of_all_its_hours(hourly_desk: HourlyDesk) -> None:
    watch_all(hourly_desk)
    first, (subject, body) = hourly_desk.rows(
        "SELECT subject, body FROM nightdesk.mails WHERE kind = 'daily' ORDER BY as_of"
    )
    assert "First session" in first[0]
    change = nav(hourly_desk, SECOND_CLOSE) - nav(hourly_desk, FIRST_CLOSE)
    assert change
    assert f"{'Up' if change > 0 else 'Down'} {money(abs(change))} (" in subject
    ((fills,),) = hourly_desk.rows(
        "SELECT count(*) FROM nightdesk.fills WHERE as_of > %s AND as_of <= %s",
        at(FIRST_CLOSE),
        at(SECOND_CLOSE),
    )
    ((newest,),) = hourly_desk.rows("SELECT count(*) FROM nightdesk.fills WHERE as_of = %s", at(SECOND_CLOSE))
    assert fills > newest
    trades = body[body.index("TRADES OF THE SESSION") : body.index("ORDERS FOR THE NEXT OPEN")]
    assert trades.count("\n- ") == fills
    assert "FIGURES OF LAST_TWO_HOURS_OF_TESTS\n- AAPL: moved " in body
