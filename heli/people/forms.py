"""Forms of accounts, in plain words: the library's (named in ACCOUNT_FORMS, MFA_FORMS) with our fields, and ours."""

from __future__ import annotations

import time
from typing import Any

from allauth.account import forms as account
from allauth.core import context
from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base import forms as mfa
from allauth.mfa.models import Authenticator
from allauth.mfa.totp import forms as totp
from django import forms
from django.conf import settings
from django.core.cache import cache
from django.utils.translation import gettext_lazy as _

from heli.core import tries
from heli.core.fields import MobileField
from heli.engines.identifiers import BadIdentifier, mobile
from heli.people.accounts import logged_in_by_code
from heli.people.steps import CALL_NAME_LIMIT

# Codes that one address may ask for one number: fewer than the number is sent (ACCOUNT_RATE_LIMITS)
ASKED = {"code": tries.Limit(3, 600), "code-day": tries.Limit(8, 86400)}
CODE_TRUSTED_SECONDS = 600  # so long after a log-in by text message a new password needs no old one


def _password(label: Any, autocomplete: str, help_text: Any = "") -> forms.CharField:
    widget = forms.PasswordInput(attrs={"autocomplete": autocomplete})
    return forms.CharField(label=label, widget=widget, strip=False, max_length=200, help_text=help_text)


def _code(label: Any) -> forms.CharField:
    widget = forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "class": "h-digits"})
    return forms.CharField(label=label, widget=widget, max_length=20)


def _new_password(label: Any) -> forms.CharField:
    return _password(label, "new-password", _("At least 10 characters. A short sentence is easy to remember."))


class LoginForm(account.LoginForm):
    """One field takes a mobile number or a user name."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        widget = forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"})
        self.fields["login"] = forms.CharField(label=_("Mobile number or user name"), widget=widget, max_length=60)
        self.fields["password"] = _password(_("Password"), "current-password")
        self.order_fields(["login", "password"])

    def clean_login(self) -> str:
        typed = str(self.cleaned_data["login"]).strip()
        try:
            return mobile(typed)
        except BadIdentifier:
            return typed


class SignupForm(account.SignupForm):
    """A resident signs up by mobile number; nothing else is asked but how to call them."""

    call_name = forms.CharField(
        label=_("What shall we call you"),
        max_length=CALL_NAME_LIMIT,
        required=False,
        help_text=_("For example “Ms Wang”. Shown to you and to those you deal with."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["phone"] = MobileField(label=_("Mobile number"))
        self.fields["password1"] = _new_password(_("Choose a password"))
        self.order_fields(["phone", "password1", "call_name"])


class RequestLoginCodeForm(account.RequestLoginCodeForm):
    """Ask for a code by text message."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["phone"] = MobileField(label=_("Mobile number"))

    def clean_phone(self) -> Any:
        """One address cannot use up what a number may be sent; asked before the library counts for the number."""
        for what, limit in ASKED.items():
            who = f"{self.cleaned_data['phone']}@{tries.address(context.request)}"
            tries.spend(what, who, limit, error=tries.TooOften)
        return super().clean_phone()


class ConfirmLoginCodeForm(account.ConfirmLoginCodeForm):
    code = _code(_("The 6 digits in the text message"))


class VerifyPhoneForm(account.VerifyPhoneForm):
    code = _code(_("The 6 digits in the text message"))


class ChangePhoneForm(account.ChangePhoneForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["phone"] = MobileField(label=_("New mobile number"))


class ReauthenticateForm(account.ReauthenticateForm):
    password = _password(_("Your password"), "current-password")


class ChangePasswordForm(account.ChangePasswordForm):
    """Who has just come in by a code to their own number may have forgotten the old password: it is not asked."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["oldpassword"] = _password(_("Present password"), "current-password")
        new = account.SetPasswordField(label=_("New password"))
        new.user = self.user
        new.help_text = _("At least 10 characters. A short sentence is easy to remember.")
        new.widget.attrs = {"autocomplete": "new-password"}
        self.fields["password1"] = new
        del self.fields["password2"]  # asked once: the field can show what was typed
        if logged_in_by_code(context.request, within=CODE_TRUSTED_SECONDS, now=time.time()):
            del self.fields["oldpassword"]
        self.order_fields(["oldpassword", "password1"])


class OnceOnly:
    """A code of the authenticator is good once, for as long as it would fit: the half minutes on both sides too. The
    library forgets it after half a minute."""

    def clean_code(self) -> str:
        code = str(super().clean_code())  # type: ignore[misc]
        found: Authenticator = self.authenticator  # type: ignore[attr-defined]
        if found.type == Authenticator.Type.TOTP:
            seconds = 30 * (2 * settings.MFA_TOTP_TOLERANCE + 2)
            if not cache.add(f"code-used:{found.user_id}:{normalize_user_code(code)}", True, seconds):
                raise get_adapter().validation_error("incorrect_code")
        return code


class AuthenticateForm(OnceOnly, mfa.AuthenticateForm):
    code = _code(_("The 6 digits your authenticator shows now, or a spare code"))


class MFAReauthenticateForm(OnceOnly, mfa.ReauthenticateForm):
    code = _code(_("The 6 digits your authenticator shows now, or a spare code"))


class ActivateTOTPForm(totp.ActivateTOTPForm):
    code = _code(_("The 6 digits your authenticator shows now"))


# My information -----------------------------------------------------------------------------------------------------
class ProfileForm(forms.Form):
    """What we call the person; their own name stays in the vault."""

    call_name = forms.CharField(
        label=_("What shall we call you"),
        max_length=CALL_NAME_LIMIT,
        required=False,
        help_text=_("For example “Ms Wang”. Shown to you and to those you deal with."),
        widget=forms.TextInput(attrs={"autocomplete": "nickname"}),
    )
    name = forms.CharField(
        label=_("Your name"), max_length=40, required=False, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )


class CloseForm(forms.Form):
    """Closing an account asks for the password once more, and for a tick that says what is lost."""

    understood = forms.BooleanField(label=_("I know that this cannot be undone"))
    password = _password(_("Your password"), "current-password")
