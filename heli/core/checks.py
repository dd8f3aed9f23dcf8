"""What must hold before the application starts."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured
from django.urls import get_resolver

from heli.core.pages import undeclared

# Routes of libraries, with the scope they have by their own checks; everything else declares itself with @page.
THIRD_PARTY = ("static/",)


def missing_declarations() -> list[str]:
    return undeclared(get_resolver().url_patterns, lambda where: where.lstrip("^").startswith(THIRD_PARTY))


def refuse_undeclared() -> None:
    """Called by wsgi.py: a route that declares no permission and scope stops the start."""
    if missing := missing_declarations():
        raise ImproperlyConfigured(f"routes without @page(needs=, scope=): {', '.join(missing)}")


@register
def routes_declared(**_kwargs: Any) -> list[CheckMessage]:
    return [Error(f"route {r} declares no permission and scope", id="heli.E001") for r in missing_declarations()]
