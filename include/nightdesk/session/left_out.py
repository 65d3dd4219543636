"""What an ingest left out, as the table `ingest_notes` holds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def dropped_rows(dropped: Mapping[str, int], of: str = "") -> list[dict[str, Any]]:
    """Rows that were left out, by reason; `of` stands before each reason, and says of what they are."""
    return [
        {"kind": "dropped", "subject": f"{of}{reason}", "rows": count, "detail": ""}
        for reason, count in sorted(dropped.items())
        if count
    ]
