"""Language and look of a page, kept on this device and with the account. No statement is made for it."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation

from heli.web.parts import Look

LOOK_COOKIE = "heli_look"
YEAR = 365 * 86400


def keep(response: HttpResponse, name: str, value: str) -> None:
    """A preference on this device for a year; scripts do not need it."""
    response.set_cookie(name, value, max_age=YEAR, samesite="Lax", httponly=True, secure=settings.SESSION_COOKIE_SECURE)


# What a browser may do for our pages: only telling where one stands, to file a request there.
PERMISSIONS = "geolocation=(self), " + ", ".join(
    f"{name}=()"
    for name in (
        "accelerometer", "camera", "display-capture", "gyroscope", "hid", "magnetometer", "microphone", "midi",
        "payment", "serial", "usb", "browsing-topics",
    )
)  # fmt: skip


class HeadersMiddleware:
    """Headers that every answer carries, and how long a page that somebody logged in has seen may be kept.

    A page made for an account is kept by no shared cache and asked for anew; what shows personal data says `no-store`
    itself. Whoever logs out leaves nothing of it in the browser.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        user = getattr(request, "_cached_user", None)  # known only where the page asked who it is
        if user is not None and user.is_authenticated:
            response.headers.setdefault("Cache-Control", "private, no-cache")
        ended = response.cookies.get(settings.SESSION_COOKIE_NAME)
        if ended is not None and ended["max-age"] == 0:
            response.headers["Clear-Site-Data"] = '"cache"'
            response.headers["Cache-Control"] = "no-store"
        return response


class PreferencesMiddleware:
    """Chinese unless somebody chose otherwise: the browser's language list is not asked. In place of LocaleMiddleware.

    A person who logs in on a new device gets the language and look kept with the account.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        known = dict(settings.LANGUAGES)
        code = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
        if code not in known:
            code = settings.LANGUAGE_CODE
        translation.activate(code)
        request.LANGUAGE_CODE = code
        response = self.get_response(request)
        response.headers.setdefault("Content-Language", translation.get_language() or code)
        self._from_account(request, response)
        return response

    def _from_account(self, request: HttpRequest, response: HttpResponse) -> None:
        """What is kept with the account wins over what this device had; it takes effect with the next page."""
        user = getattr(request, "_cached_user", None)  # a page that asked nothing about the person stays without it
        if user is None or not user.is_authenticated:
            return
        look = Look.read(user.look).cookie if user.look else ""
        for name, kept in ((settings.LANGUAGE_COOKIE_NAME, user.language), (LOOK_COOKIE, look)):
            if kept and request.COOKIES.get(name) != kept and name not in response.cookies:
                keep(response, name, kept)
