"""How the account library (django-allauth) keeps our accounts: phone numbers in the vault, codes by text message,
second-factor keys sealed, and every write by our own steps."""

from __future__ import annotations

import math
from typing import Any, ClassVar, cast

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.core.internal.httpkit import get_client_ip
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from heli.adapters import sms
from heli.core import vault
from heli.core.actor import PUBLIC, Actor
from heli.core.fields import MobileField
from heli.core.pages import error_page
from heli.engines.identifiers import BadIdentifier, mobile
from heli.people import queries, steps
from heli.people.errors import LockedOut
from heli.people.models import User


def as_self(user: AbstractBaseUser) -> Actor:
    """The actor of a person who acts on their own account; grants play no part in it."""
    return Actor(user_id=user.pk)


class AccountAdapter(DefaultAccountAdapter):
    """The library's hooks. `request` is always there in the methods that take one."""

    error_messages: ClassVar[dict[str, Any]] = {
        **DefaultAccountAdapter.error_messages,
        "account_inactive": _("This account is closed."),
        "enter_current_password": _("This is not your present password. Type it once more; capital letters count."),
        "incorrect_code": _("This is not the code. Look at the latest message, and type its digits once more."),
        "incorrect_password": _("This is not your password. Type it once more; capital letters count."),
        "phone_password_mismatch": _(
            "Number and password do not fit. Type them once more, or log in by a text message."
        ),
        "username_password_mismatch": _(
            "User name and password do not fit. Type them once more; capital letters count."
        ),
        "phone_taken": _(
            "This number belongs to another account. Log in there by a text message, or use another number."
        ),
        "rate_limited": _("This was asked for too often. Wait a minute, then try again."),
        "same_as_current": _("This is already your number. Type the new one."),
        "too_many_login_attempts": _("Too many tries. Wait five minutes, then try again."),
        "username_taken": _("Somebody has this user name already. Choose another one."),
    }

    def phone_form_field(self, **kwargs: Any) -> Any:
        """A mobile number as people type it; the clean value is 11 digits."""
        kwargs["label"] = _("Mobile number")
        return MobileField(**kwargs)

    def clean_phone(self, phone: str) -> str:
        return mobile(phone)

    def save_user(self, _request: HttpRequest, _user: Any, form: BaseForm, _commit: bool = True) -> AbstractBaseUser:
        """Sign-up: the number is kept unproved until its code has been typed."""
        data = form.cleaned_data
        return steps.register(
            by=PUBLIC,
            at=timezone.now(),
            call_name=data.get("call_name", ""),
            password=data.get("password1", ""),
            phone=data.get("phone", ""),
            language=get_language() or "",
        )

    def set_password(self, user: AbstractBaseUser, password: str) -> None:
        done = steps.set_password(user_id=user.pk, password=password, by=as_self(user), at=timezone.now())
        user.password = done.password  # the library goes on with its own copy

    def set_phone(self, user: AbstractBaseUser, phone: str, verified: bool) -> None:
        steps.set_phone(user_id=user.pk, phone=phone, verified=verified, by=as_self(user), at=timezone.now())

    def set_phone_verified(self, user: AbstractBaseUser, phone: str) -> None:
        known = self.get_phone(user)
        if known != (phone, True):  # logging in by a text message proves again what was proved
            steps.set_phone(user_id=user.pk, phone=phone, verified=True, by=as_self(user), at=timezone.now())

    def get_phone(self, user: AbstractBaseUser) -> tuple[str, bool] | None:
        """(number, proved) for sending this person a code; never shown as such."""
        account = User.objects.select_related("record").get(pk=user.pk)
        number = vault.open_own(account.record)["phone"] if account.record else ""
        return (number, account.phone_verified) if number else None

    def get_user_by_phone(self, phone: str) -> User | None:
        return queries.by_phone(phone)

    def send_verification_code_sms(self, *, phone: str, code: str, **_also: Any) -> None:
        sms.sender().send(phone, "code", {"code": code})

    def send_account_already_exists_sms(self, phone: str) -> None:
        sms.sender().send(phone, "has_account", {})

    def send_unknown_account_sms(self, phone: str, **_also: Any) -> None:
        """Nothing: a stranger's number is not written to because somebody typed it."""


class MFAAdapter(DefaultMFAAdapter):
    """The second factor: keys are sealed in the table. orgs.secondfactor adds who may not do without one."""

    error_messages: ClassVar[dict[str, Any]] = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": _("This is not the code. It changes every half minute: type the one shown now."),
        "cannot_delete_authenticator": _(
            "You have been given work to do here, and that needs a second step at log-in. It cannot be switched off."
        ),
    }

    def encrypt(self, text: str) -> str:
        return vault.seal_bytes("second-factor", text.encode())

    def decrypt(self, encrypted_text: str) -> str:
        return vault.open_bytes("second-factor", encrypted_text).decode()


def used_second_factor(request: HttpRequest) -> bool:
    """Whether a second factor was used in this very session, by the person who is logged in."""
    user = cast(AbstractBaseUser, request.user)
    return any(record.get("method") == "mfa" for record in get_authentication_records(request, user))


def logged_in_by_code(request: HttpRequest, *, within: float, now: float) -> bool:
    """Whether this session began with a code sent to the person's own number, at most `within` seconds ago."""
    user = cast(AbstractBaseUser, request.user)
    records = get_authentication_records(request, user)
    return any(r.get("method") == "code" and now - r["at"] <= within for r in records)


# Password guessing (django-axes) ------------------------------------------------------------------------------------
def guessed_account(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    """What failed log-ins are counted by. Never a phone number: that table is not the vault."""
    given = credentials or {}
    typed = str(given.get("phone") or given.get("username") or request.POST.get("login") or "").strip()
    try:
        number = mobile(typed)
    except BadIdentifier:
        return typed.lower()[:60]
    account = queries.by_phone(number)
    return account.username.lower() if account else "phone:" + vault.blind("phone", number).hex()[:32]


def client_ip(request: HttpRequest) -> str | None:
    """The reader's address, through the proxies that settings trust; the same for every limit."""
    return cast("str | None", get_client_ip(request))


def locked_out(request: HttpRequest, _response: HttpResponse | None = None, _credentials: Any = None) -> HttpResponse:
    """Said instead of the log-in page once too many passwords were wrong."""
    return error_page(request, LockedOut(minutes=math.ceil(settings.AXES_COOLOFF_TIME * 60)))
