"""Sectors from SIC codes: the twelve industries of Fama and French.

Source: Kenneth R. French, Data Library, "Detail for 12 Industry Portfolios" (Siccodes12).
"""

from __future__ import annotations

#: First and last code of each span, and its sector; what is in none is `OTHER`.
SPANS = (
    (100, 999, "consumer nondurables"),
    (2000, 2399, "consumer nondurables"),
    (2700, 2749, "consumer nondurables"),
    (2770, 2799, "consumer nondurables"),
    (3100, 3199, "consumer nondurables"),
    (3940, 3989, "consumer nondurables"),
    (2500, 2519, "consumer durables"),
    (2590, 2599, "consumer durables"),
    (3630, 3659, "consumer durables"),
    (3710, 3711, "consumer durables"),
    (3714, 3714, "consumer durables"),
    (3716, 3716, "consumer durables"),
    (3750, 3751, "consumer durables"),
    (3792, 3792, "consumer durables"),
    (3900, 3939, "consumer durables"),
    (3990, 3999, "consumer durables"),
    (2520, 2589, "manufacturing"),
    (2600, 2699, "manufacturing"),
    (2750, 2769, "manufacturing"),
    (3000, 3099, "manufacturing"),
    (3200, 3569, "manufacturing"),
    (3580, 3629, "manufacturing"),
    (3700, 3709, "manufacturing"),
    (3712, 3713, "manufacturing"),
    (3715, 3715, "manufacturing"),
    (3717, 3749, "manufacturing"),
    (3752, 3791, "manufacturing"),
    (3793, 3799, "manufacturing"),
    (3830, 3839, "manufacturing"),
    (3860, 3899, "manufacturing"),
    (1200, 1399, "energy"),
    (2900, 2999, "energy"),
    (2800, 2829, "chemicals"),
    (2840, 2899, "chemicals"),
    (3570, 3579, "business equipment"),
    (3660, 3692, "business equipment"),
    (3694, 3699, "business equipment"),
    (3810, 3829, "business equipment"),
    (7370, 7379, "business equipment"),
    (4800, 4899, "telecommunications"),
    (4900, 4949, "utilities"),
    (5000, 5999, "shops"),
    (7200, 7299, "shops"),
    (7600, 7699, "shops"),
    (2830, 2839, "health"),
    (3693, 3693, "health"),
    (3840, 3859, "health"),
    (8000, 8099, "health"),
    (6000, 6999, "finance"),
)

OTHER = "other"


def sector_of(sic: str) -> str:
    """The sector of a SIC code; empty where it is no code.

    Examples
    --------
    >>> sector_of("3571"), sector_of("7372"), sector_of("6021"), sector_of("7011"), sector_of("")
    ('business equipment', 'business equipment', 'finance', 'other', '')
    """
    if not (sic.isascii() and sic.isdigit() and len(sic) <= 4):
        return ""
    code = int(sic)
    return next((sector for first, last, sector in SPANS if first <= code <= last), OTHER)
