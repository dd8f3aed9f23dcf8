"""The page for an error nobody foresaw, and for one that is nobody's fault here: the database or a disk is away."""

from __future__ import annotations

import sys

from django.http import HttpRequest, HttpResponse
from django.views import defaults

from heli.core.outages import answer, outage


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500: 503 or 507 with what to do while the database or a disk is away, else the page L-500."""
    gone = outage(sys.exc_info()[1])
    return answer(request, gone) if gone else defaults.server_error(request)
