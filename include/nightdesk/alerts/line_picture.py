"""A line over sessions as a PNG picture, which every mail program shows; SVG is shown by few of them.

The picture is transparent and its colours stand on white and on black, so one serves both modes of a reader.
It holds no words: what stands on its axes is text of the mail beside it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.panel import Floats

#: Pixels: twice as fine as a mail shows it. `MARGIN` is left free above and below for the line's width.
WIDTH, HEIGHT, MARGIN = 1040, 300, 12
LINE_WIDTH = 4.0

Colour = tuple[int, int, int]

#: Contrast to white and to a dark card is 4 : 1 and more.
BLUE: Colour = (47, 120, 220)
RED: Colour = (214, 76, 70)
_GREY: Colour = (128, 136, 148)
_FAINT, _AREA = 0.45, 0.14
#: Steps from nothing to the full colour: half of a palette.
_SHADES = 128


def line_png(
    values: Sequence[float], low: float, high: float, rows: int, colour: Colour, *, hanging: bool = False
) -> bytes:
    """Draw values, evenly spaced, with the area between them and an end of the picture.

    Parameters
    ----------
    values : sequence of float, length n >= 2
        Finite numbers within `low` and `high`.
    low, high : float
        What the lowest and the highest line of the grid stand for; `low` < `high`.
    rows : int
        Lines of the grid, at least 2, evenly spaced.
    colour : tuple of three int
        Of the line and, faint, of the area: red, green and blue from 0 to 255.
    hanging : bool
        Whether the area hangs from the top, as of a drawdown; else it stands on the bottom.

    Returns
    -------
    bytes
        A PNG of `WIDTH` × `HEIGHT` pixels with transparency; the same values give the same bytes.
    """
    if len(values) < 2 or rows < 2 or not low < high:
        raise ValueError(f"no line through {len(values)} values from {low} to {high} over {rows} rows")
    reach = HEIGHT - 2 * MARGIN - 1
    x = np.linspace(LINE_WIDTH, WIDTH - 1 - LINE_WIDTH, len(values)).astype(np.float64)
    y: Floats = MARGIN + reach * (high - np.asarray(values, dtype=np.float64)) / (high - low)
    place = np.interp(np.arange(WIDTH), x, y)
    down = np.arange(HEIGHT)[:, None]
    inside = (down <= place) & (down >= MARGIN) if hanging else (down >= place) & (down <= MARGIN + reach)
    inside &= (np.arange(WIDTH) >= x[0]) & (np.arange(WIDTH) <= x[-1])
    grid = np.zeros((HEIGHT, 1), bool)
    grid[np.round(MARGIN + reach * np.arange(rows) / (rows - 1)).astype(int)] = True
    stroke = _stroke(x, y)
    # The line lies over the grid, the grid over the area.
    opacity = np.where(grid & (stroke < _FAINT), _FAINT, stroke + _AREA * inside * (1.0 - stroke))
    shades = np.round(opacity * (_SHADES - 1)).astype(np.uint8)
    shades[grid & (stroke < _FAINT)] += _SHADES
    return _encoded(shades, colour)


def _stroke(x: Floats, y: Floats) -> Floats:
    """How much of each pixel a line through the points covers, from 0 to 1, by its distance from the line."""
    nearest = np.full((HEIGHT, WIDTH), np.inf)
    room = LINE_WIDTH / 2 + 1
    for x0, y0, x1, y1 in zip(x[:-1], y[:-1], x[1:], y[1:], strict=True):
        left, right = max(int(x0 - room), 0), min(int(x1 + room) + 2, WIDTH)
        top, bottom = max(int(min(y0, y1) - room), 0), min(int(max(y0, y1) + room) + 2, HEIGHT)
        across, down = np.arange(left, right)[None, :] - x0, np.arange(top, bottom)[:, None] - y0
        along = (across * (x1 - x0) + down * (y1 - y0)) / ((x1 - x0) ** 2 + (y1 - y0) ** 2)
        share = np.clip(along, 0.0, 1.0)
        distance = np.hypot(across - share * (x1 - x0), down - share * (y1 - y0))
        part = nearest[top:bottom, left:right]
        np.minimum(part, distance, out=part)
    return np.clip(LINE_WIDTH / 2 + 0.5 - nearest, 0.0, 1.0)


def _encoded(shades: NDArray[np.uint8], colour: Colour) -> bytes:
    """Shades of a colour, and from `_SHADES` on of grey, as PNG (ISO/IEC 15948: palette, no filter)."""
    height, width = shades.shape
    lines = np.concatenate([np.zeros((height, 1), np.uint8), shades], axis=1)
    see_through = bytes(round(255 * one / (_SHADES - 1)) for one in range(_SHADES))
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", bytes(colour) * _SHADES + bytes(_GREY) * _SHADES),
        (b"tRNS", see_through * 2),
        (b"IDAT", zlib.compress(lines.tobytes())),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in parts)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
