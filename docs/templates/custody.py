"""An accrual: what a custodian takes each night of what it keeps."""

from decimal import Decimal

from pydantic import Field

from nightdesk.accounting import Accrual, Entry, Ledger, Period, register
from nightdesk.accounting.ledger import WHOLE_BOOK
from nightdesk.core.errors import Refused
from nightdesk.core.fields import Frozen
from nightdesk.core.money import ZERO, exact, to_cents


@register
class Custody(Accrual):
    """A share a year of the value of what is held long at the close, for every calendar day / 360."""

    name = "custody"

    class Params(Frozen):
        """What is taken."""

        rate: float = Field(0.001, ge=0, le=0.05, description="a year, share of the value")

    params: Params

    def entries(self, ledger: Ledger, period: Period) -> tuple[Entry, ...]:
        if not period.days:
            return ()
        longs = {symbol: units for symbol, units in ledger.net().items() if units > 0}
        unknown = sorted(longs.keys() - period.closes.keys())
        if unknown:
            raise Refused(
                f"custody of {unknown[0]} costs by its close, which is not known: store its bars first"
            )
        kept = sum((units * exact(period.closes[symbol]) for symbol, units in longs.items()), ZERO)
        owed = to_cents(kept * exact(self.params.rate) * period.days / Decimal(360))
        if not owed:
            return ()
        reference = f"custody-{period.session}"
        return (Entry(period.session, "fee", WHOLE_BOOK, WHOLE_BOOK, ZERO, ZERO, -owed, ZERO, reference),)
