"""Stories: headlines of the same words, however they are written, and which of them are repetitions."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.keywords import plain_words

#: The same story of a symbol counts once within this time of its last telling.
REPEATS_WITHIN = np.timedelta64(72, "h")


def normalised(headline: str) -> str:
    """The words of a headline in small letters, without punctuation and with single blanks between them.

    A headline without any word stays as it is.
    """
    return plain_words(headline) or headline.strip()


def story_of(headline: str) -> int:
    """A number of 64 bits, signed, that headlines of the same words share."""
    digest = hashlib.sha256(normalised(headline).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def story_numbers(headlines: Sequence[str]) -> NDArray[np.int64]:
    """`story_of` each headline."""
    return np.array([story_of(one) for one in headlines], dtype=np.int64)


def first_tellings(
    column: NDArray[np.intp], published: NDArray[np.datetime64], story: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which headlines tell something new.

    A headline is a repetition when the same story of the same symbol was published within `REPEATS_WITHIN`
    before it, itself a repetition or not: a story that is told every day counts on its first day only, and
    what a headline is depends on nothing that comes after it and on little that came before.

    Parameters
    ----------
    column, published, story : ndarray of shape (n_headlines,)
        Sorted by `column` and `published` (datetime64); of equal ones the first counts.

    Returns
    -------
    bool ndarray of shape (n_headlines,)
    """
    order = np.lexsort((np.arange(len(story)), story, column))
    same = (column[order][1:] == column[order][:-1]) & (story[order][1:] == story[order][:-1])
    recent = np.diff(published[order]) <= REPEATS_WITHIN
    new = np.ones(len(story), dtype=bool)
    new[order[1:]] = ~(same & recent)
    return new
