"""The account library's pages that we need, each declared like any other page; its other routes do not exist here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from allauth.account import views as account
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as spare
from allauth.mfa.totp import views as totp
from django.http import HttpResponse
from django.urls import URLPattern, path

from heli.core import sessions
from heli.core.caps import Scope
from heli.core.pages import page

LIBRARY = Callable[..., Any]


class ActivateTOTPView(totp.ActivateTOTPView):
    """The code that proves the new authenticator counts as the second factor of this session."""

    def form_valid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_valid(form)
        record_authentication(self.request, form.user, "mfa", type="totp")
        return response


class DeactivateTOTPView(totp.DeactivateTOTPView):
    """Without the second factor nothing that was opened with it stays open elsewhere."""

    def form_valid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_valid(form)
        sessions.end(self.request.user.pk, but=self.request.session.session_key)
        return response


# path, name, view, scope
ROUTES: tuple[tuple[str, str, LIBRARY, Scope], ...] = (
    ("login/", "account_login", account.login, Scope.PUBLIC),
    ("logout/", "account_logout", account.logout, Scope.PUBLIC),
    ("closed/", "account_inactive", account.account_inactive, Scope.PUBLIC),
    ("signup/", "account_signup", account.signup, Scope.PUBLIC),
    ("login/code/", "account_request_login_code", account.request_login_code, Scope.PUBLIC),
    ("login/code/confirm/", "account_confirm_login_code", account.confirm_login_code, Scope.PUBLIC),
    ("phone/verify/", "account_verify_phone", account.verify_phone, Scope.PUBLIC),
    ("phone/change/", "account_change_phone", account.change_phone, Scope.SELF),
    ("password/", "account_change_password", account.password_change, Scope.SELF),
    ("password/set/", "account_set_password", account.password_set, Scope.SELF),
    ("again/", "account_reauthenticate", account.reauthenticate, Scope.SELF),
    ("2fa/", "mfa_index", mfa.index, Scope.SELF),
    ("2fa/login/", "mfa_authenticate", mfa.authenticate, Scope.PUBLIC),
    ("2fa/again/", "mfa_reauthenticate", mfa.reauthenticate, Scope.SELF),
    ("2fa/on/", "mfa_activate_totp", ActivateTOTPView.as_view(), Scope.SELF),
    ("2fa/off/", "mfa_deactivate_totp", DeactivateTOTPView.as_view(), Scope.SELF),
    ("2fa/spare/", "mfa_view_recovery_codes", spare.view_recovery_codes, Scope.SELF),
    ("2fa/spare/new/", "mfa_generate_recovery_codes", spare.generate_recovery_codes, Scope.SELF),
    ("2fa/spare/file/", "mfa_download_recovery_codes", spare.download_recovery_codes, Scope.SELF),
)


def declared() -> list[URLPattern]:
    """The routes, under the names by which the library links to them."""
    return [
        path(where, page(where, name=name, scope=scope, methods=("GET", "POST"))(view), name=name)
        for where, name, view, scope in ROUTES
    ]


urlpatterns = declared()
