"""Refuses what another site has a logged-in browser send: the cookie alone is no proof of a person's will.

A request that changes something needs a header that no form or link of another site can set, and must come
from the cockpit's own origin by what the browser itself says of it. The cookie's ``SameSite`` does not cover
another port of the same host.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import HTTPException, Request

from nightdesk.cockpit.guards import host_of

#: What the cockpit's own script sends along; a page of another site would have to be let by the server.
HEADER, WORD = "x-nightdesk", "cockpit"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def refuse_forged(request: Request) -> None:
    """Raise ``HTTPException`` 403 for a request that changes something and is not the cockpit's own."""
    if request.method in _SAFE:
        return
    headers = request.headers
    if headers.get(HEADER) != WORD:
        raise HTTPException(403, "Only the cockpit's own pages may ask for that: open the form there.")
    if headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise HTTPException(403, "The request comes from another site: open the form in the cockpit.")
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() != host_of(request):
        raise HTTPException(
            403, f"The request comes from {origin[:200]}: open the form in the cockpit itself."
        )
