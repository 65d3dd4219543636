"""A validation as a picture: the bands of the judged set, courses and ranks out of sample."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from nightdesk.core.panel import Floats
from nightdesk.research.validation.candidate_sets import CandidateSets
from nightdesk.research.validation.luck_verdict import LuckVerdict
from nightdesk.svg import falling, line_through, picture, rectangle, words_at

WIDTH, TALL, LEFT, TOP, GAP = 820.0, 220.0, 60.0, 40.0, 70.0

#: More points a line than the picture has pixels draw nothing more.
MOST_POINTS = 400

OWN, BAND, PATH, WALKED = "#1f4e79", "#c9d8e8", "#b0b0b0", "#c55a11"


def draw_validation(sets: CandidateSets, found: LuckVerdict) -> str:
    """An SVG document; the same validation gives the same text."""
    own = _grown(sets.returns[:, sets.judged])
    low, middle, high = found.of_returns.course
    paths = [_grown(one) for one in found.folds.paths]
    walked = np.concatenate(
        [np.full(len(own) - len(found.walk.returns) - 1, np.nan), _grown(found.walk.returns)]
    )
    parts = [
        *_courses(
            0,
            f"The judged set, and where 90 % of {found.of_returns.draws:,} draws of its own returns lie",
            sets,
            [(low, BAND), (high, BAND), (middle, PATH), (own, OWN)],
        ),
        *_courses(
            1,
            f"Out of sample: {len(paths)} paths of the purged folds, and the walk (orange)",
            sets,
            [*((one, PATH) for one in paths), (walked, WALKED)],
        ),
        *_ranks(2, found),
    ]
    words = "passed" if found.passed else "not passed"
    return picture(WIDTH, 3 * (TOP + TALL + GAP), f"LuckVerdict: {words}", parts)


def _grown(returns: Floats) -> Floats:
    """What 1 becomes, from the beginning."""
    out: Floats = np.append(1.0, np.cumprod(1.0 + returns))
    return out


def _courses(
    place: int, title: str, sets: CandidateSets, lines: Sequence[tuple[Floats, str]]
) -> Iterator[str]:
    """A panel of courses over the sessions; NaN is not drawn."""
    top = TOP + place * (TOP + TALL + GAP)
    values = np.concatenate([one for one, _ in lines])
    ends = float(np.nanmin(values)), float(np.nanmax(values))
    down, n = falling(*ends, top, TALL), len(lines[0][0])
    right = WIDTH - LEFT - 20
    yield words_at(LEFT, top - 14, title, weight="bold")
    for value in (ends[0], 1.0, ends[1]):
        yield words_at(LEFT - 6, down(value) + 4, f"{value:.2f}", anchor="end")
    yield f'<path d="M{LEFT:g} {down(1.0):.2f}H{LEFT + right:g}" stroke="#ddd"/>'
    rows = np.unique(np.linspace(0, n - 1, min(n, MOST_POINTS)).astype(int))
    for one, colour in lines:
        points = [(LEFT + right * t / (n - 1), down(float(one[t]))) for t in rows if np.isfinite(one[t])]
        yield f'<path d="{line_through(points)}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
    yield words_at(LEFT, top + TALL + 18, str(sets.sessions[0]))
    yield words_at(LEFT + right, top + TALL + 18, str(sets.sessions[-1]), anchor="end")


def _ranks(place: int, found: LuckVerdict) -> Iterator[str]:
    """How the best of one half of the sessions ranks in the other, in tenths from the worst to the best."""
    top = TOP + place * (TOP + TALL + GAP)
    relative = 1.0 / (1.0 + np.exp(-found.overfitting.logits))
    counts, _ = np.histogram(relative, bins=10, range=(0.0, 1.0))
    down = falling(0.0, float(counts.max()), top, TALL)
    wide = (WIDTH - LEFT - 20) / 10
    yield words_at(
        LEFT,
        top - 14,
        f"Rank out of sample of the best in sample, {found.overfitting.splits:,} splits: "
        f"{found.overfitting.probability:.0%} below the median",
        weight="bold",
    )
    for n, count in enumerate(counts.tolist()):
        x, y = LEFT + wide * n, down(count)
        yield rectangle(x + 2, y, wide - 4, top + TALL - y, WALKED if n < 5 else OWN)
        yield words_at(x + wide / 2, top + TALL + 18, f"{n * 10}-{n * 10 + 10} %", anchor="middle")
