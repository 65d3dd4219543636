"""Desks whose book a person has promoted, without the months that this takes."""

from tests.session.small_desk import SmallDesk

from nightdesk.core.book import load_book
from nightdesk.core.stages import Stage
from nightdesk.engine import resolve
from nightdesk.store.code_rows import package_of
from nightdesk.store.gate_evidence_rows import keep_evidence
from nightdesk.store.gate_promotion_rows import promotions_of, store_promotion
from nightdesk.version import code_version


def promoted(desk: SmallDesk, stage: Stage, *, code: str = "") -> None:
    """Store that ann has brought the book to a stage, by its present code or another, with green tests."""
    book = load_book(desk.book)
    by_code = code or code_version(resolve(book))
    with desk.connection() as conn:
        before = next(iter(promotions_of(conn, book.name)), None)
        store_promotion(
            conn,
            book.name,
            before,
            stage,
            from_stage=Stage.BACKTEST if before is None else before.to_stage,
            rules_hash=book.rules_hash,
            code_version=by_code,
            reason="for a test",
            who="ann",
        )
        keep_evidence(conn, "", "code", "", package_of(by_code), {"green": True})
