"""The project of a desk that trades at a fake Alpaca, and on which everything that may be told is told."""

from pathlib import Path

import yaml
from tests.end_to_end.project import BOOK, INCEPTION, ROOT, lay_out

#: The book at the broker, and its account.
ALPACA_BOOK, ACCOUNT = "alpaca_book", "alpaca-e2e"
#: A book on paper one of whose strategies writes down all that it can read, and another fails with it.
LOUD = "loud"
PRINTS, TELLS = "prints", "tells"
#: A DAG of somebody else on the same Airflow, which writes its environment down too.
FOREIGN = "of_a_user"

TOKEN_VARIABLE = "NIGHTDESK_VENDOR_TOKEN"

_STRATEGIES = f'''

import logging
import os


@register
class Prints(TimeSeriesMomentum):
    name = "{PRINTS}"

    def signals(self, view):
        for name, value in os.environ.items():
            print(name, value)
        print(dict(os.environ))
        logging.getLogger("strategy").warning("it is %r", dict(os.environ))
        return super().signals(view)


@register
class Tells(TimeSeriesMomentum):
    name = "{TELLS}"

    def signals(self, view):
        try:
            raise RuntimeError(f"401 for {{os.environ['{TOKEN_VARIABLE}']}} of {{dict(os.environ)}}")
        except RuntimeError as error:
            raise Refused(f"the vendor says {{error}}") from error
'''

_FOREIGN = f"""
import os

from airflow.sdk import dag, task

print("read with", dict(os.environ))


@dag(schedule=None)
def {FOREIGN}():
    @task
    def show():
        print(dict(os.environ))

    show()


{FOREIGN}()
"""


def lay_out_at_alpaca(root: Path) -> None:
    """The usual project of a test with these two books, in place of its own, and the foreign DAG."""
    lay_out(root)
    for path in (root / "books").glob("*.yaml"):
        path.unlink()
    settings = root / "config" / "airflow_local_settings.py"
    settings.write_text(settings.read_text() + _STRATEGIES)
    (root / "dags").unlink()
    (root / "dags").mkdir()
    for path in (ROOT / "dags").glob("*.py"):
        (root / "dags" / path.name).symlink_to(path)
    (root / "dags" / f"{FOREIGN}.py").write_text(_FOREIGN)
    tree = yaml.safe_load((ROOT / "books" / f"{BOOK}.yaml").read_text())
    universe = {name: tree["universe"][name] for name in ("SPY", "GLD", "QQQ")}
    tree |= {"inception": INCEPTION, "feeds": {"daily": ["sample"]}, "universe": universe}
    # Three symbols that move together would stand at a drawdown level, and be a book of few orders.
    del tree["levels"]
    momentum = tree["strategies"]["time_series_momentum"]
    tree["strategies"] = {"time_series_momentum": momentum | {"share": 1.0}}
    books = {
        ALPACA_BOOK: tree | {"broker": {"kind": "alpaca", "account": ACCOUNT}},
        LOUD: tree
        | {
            "broker": {"kind": "paper", "account": "paper-loud"},
            "strategies": {PRINTS: {"share": 0.5}, TELLS: {"share": 0.5}},
        },
    }
    for name, book in books.items():
        (root / "books" / f"{name}.yaml").write_text(yaml.safe_dump(book | {"name": name}, sort_keys=False))
