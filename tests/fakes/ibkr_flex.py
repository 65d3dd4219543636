"""The Flex statement of a fake gateway's account: what was executed there, and cash that no order moved."""

from __future__ import annotations

from datetime import date, datetime

from tests.fakes.exchange_hours import NEW_YORK
from tests.fakes.flex import flex_statement
from tests.fakes.ibkr import IbkrGateway
from tests.fakes.ibkr_state import CashMove, Execution
from tests.fakes.ibkr_wire import written


def statement_of(gateway: IbkrGateway, first: date, last: date) -> bytes:
    """The XML of an activity query for some days, as the web service gives it the night after.

    A correction stands beside what it corrects. Serve it by `tests.fakes.flex.FlexWebService`.
    """
    trades = [_trade(one) for one in gateway.state.executions if first <= _day(one.at) <= last]
    cash = [_cash(one, gateway.account) for one in gateway.state.cash_moves if first <= _day(one.at) <= last]
    return flex_statement(
        trades,
        cash,
        accountId=gateway.account,
        fromDate=f"{first}",
        toDate=f"{last}",
        whenGenerated=f"{gateway.now.astimezone(NEW_YORK):%Y-%m-%d;%H:%M:%S}",
    )


def _trade(report: Execution) -> dict[str, str]:
    order, units = report.order, report.order.sign * report.units
    at = report.at.astimezone(NEW_YORK)
    return {
        "accountId": order.account,
        "symbol": order.stock.symbol,
        "description": order.stock.long_name,
        "conid": f"{order.stock.con_id}",
        "listingExchange": order.stock.primary,
        "dateTime": f"{at:%Y-%m-%d;%H:%M:%S}",
        "reportDate": f"{at:%Y-%m-%d}",
        "tradeDate": f"{at:%Y-%m-%d}",
        "transactionType": "ExchTrade" if report.exec_id.endswith(".01") else "TradeCorrect",
        "quantity": written(units),
        "tradePrice": written(report.price),
        "proceeds": written(-units * report.price),
        "ibCommission": written(-report.commission),
        "netCash": written(-units * report.price - report.commission),
        "buySell": order.action,
        "ibOrderID": f"{order.perm_id}",
        "transactionID": f"{int(report.exec_id.split('.')[1], 16)}{report.exec_id[-2:]}",
        "ibExecID": report.exec_id,
        "orderReference": order.order_ref,
        "orderType": order.kind,
    }


def _cash(move: CashMove, account: str) -> dict[str, str]:
    day = f"{_day(move.at)}"
    return {
        "accountId": account,
        "assetCategory": "STK" if move.symbol else "",
        "symbol": move.symbol,
        "description": move.words,
        "dateTime": day,
        "settleDate": day,
        "reportDate": day,
        "amount": written(move.amount),
        "type": move.kind,
        "transactionID": f"3258{move.number:07d}",
    }


def _day(moment: datetime) -> date:
    return moment.astimezone(NEW_YORK).date()
