"""The custodian's fee keeps what every accrual must keep, and is what it should be."""

from decimal import Decimal

from nightdesk.accounting import Accrual
from nightdesk.testing import AccrualContract
from nightdesk.testing.accrual_contract import ledger_of, night


class TestCustody(AccrualContract):
    """At half a percent a year."""

    name = "custody"
    params = {"rate": 0.005}  # noqa: RUF012

    def test_three_days_cost_three_days_of_what_is_long(self, accrual: Accrual) -> None:
        (entry,) = accrual.entries(ledger_of(), night(accrual))
        assert entry.cash == Decimal("-1.25")  # 200 × 150 dollars × 0.005 × 3 / 360
