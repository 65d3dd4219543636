"""Desks whose book a person has promoted, without the months that this takes."""

from tests.session.small_desk import SmallDesk

from nightdesk.core.book import load_book
from nightdesk.core.stages import Stage
from nightdesk.engine import resolve
from nightdesk.store.gate_promotion_rows import promotions_of, store_promotion
from nightdesk.version import code_version


def promoted(desk: SmallDesk, stage: Stage, *, code: str = "", rules: str = "") -> None:
    """Store that ann has brought the book to a stage; of its present code and rules, or of others."""
    book = load_book(desk.book)
    with desk.connection() as conn:
        before = next(iter(promotions_of(conn, book.name)), None)
        store_promotion(
            conn,
            book.name,
            before,
            stage,
            from_stage=Stage.BACKTEST if before is None else before.to_stage,
            rules_hash=rules or book.rules_hash,
            code_version=code or code_version(resolve(book)),
            reason="for a test",
            who="ann",
        )
