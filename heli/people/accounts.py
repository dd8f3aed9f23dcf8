"""How the account library (django-allauth) keeps our accounts: phone numbers in the vault, codes by text message,
second-factor keys sealed, and every write by our own steps."""

from __future__ import annotations

import math
import secrets
from typing import Any, ClassVar, cast

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.core import signing
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from heli.adapters import sms
from heli.core import tries, vault
from heli.core.actor import PUBLIC, Actor
from heli.core.fields import MobileField
from heli.core.pages import error_page
from heli.engines.identifiers import BadIdentifier, mobile
from heli.people import queries, steps
from heli.people.errors import LockedOut
from heli.people.models import User

KNOWN_COOKIE = settings.HELI_KNOWN_COOKIE
KNOWN_FOR = 365 * 86400  # seconds
CODES = tries.Limit(6, 600)  # text messages that one address may have sent to one number


def known_in(request: HttpRequest) -> dict[str, str]:
    """{account: a number of this browser's own} of those who logged in here before; signed, so nobody makes it up."""
    try:
        found = signing.loads(request.COOKIES.get(KNOWN_COOKIE, ""), salt=KNOWN_COOKIE, max_age=KNOWN_FOR)
    except signing.BadSignature:
        return {}
    return dict(found)


def remember(request: HttpRequest, response: HttpResponse, user: AbstractBaseUser) -> None:
    """This browser is one of the account's: wrong passwords typed elsewhere do not count against it (OWASP's device
    cookies). It opens nothing by itself, and its own wrong passwords count as ever."""
    known, account = known_in(request), user.get_username().lower()
    if account not in known:
        kept = [*known.items()][-3:]  # a family's computer
        value = signing.dumps({**dict(kept), account: secrets.token_urlsafe(12)}, salt=KNOWN_COOKIE)
        response.set_cookie(
            KNOWN_COOKIE, value, max_age=KNOWN_FOR, httponly=True, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE
        )


BROWSERS = (
    ("MicroMessenger", "WeChat"),
    ("Edg", "Edge"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
SYSTEMS = (
    ("HarmonyOS", "HarmonyOS"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "Mac"),
    ("Linux", "Linux"),
)


def device(agent: str) -> str:
    """What a browser calls itself, in two words a person knows: 'Edge, Windows'; '' when it says neither."""
    words = (next((name for sign, name in of if sign in agent), "") for of in (BROWSERS, SYSTEMS))
    return ", ".join(w for w in words if w)


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

    def get_client_ip(self, request: HttpRequest) -> str:
        return tries.address(request)

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Wrong passwords count by account, however it is named (the library would count all phone numbers as one),
        and apart in a browser the account has logged in with."""
        account = guessed_account(request, credentials)
        return f"{account}:{known_in(request).get(account, '')}"

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        super().login(request, user)
        request.session["device"] = device(request.headers.get("User-Agent", ""))

    def post_login(self, request: HttpRequest, user: AbstractBaseUser, **also: Any) -> HttpResponse:
        response = cast(HttpResponse, super().post_login(request, user, **also))
        remember(request, response, user)
        return response

    def send_verification_code_sms(self, *, phone: str, code: str, **_also: Any) -> None:
        self._one_more_to(phone)
        sms.sender().send(phone, "code", {"code": code})

    def send_account_already_exists_sms(self, phone: str) -> None:
        self._one_more_to(phone)
        sms.sender().send(phone, "has_account", {})

    def _one_more_to(self, phone: str) -> None:
        """One address cannot use up the messages of a number that is not its own."""
        tries.spend("sms", f"{phone}@{tries.address(self.request)}", CODES, error=tries.TooOften)

    def send_unknown_account_sms(self, phone: str, **_also: Any) -> None:
        """Nothing: a stranger's number is not written to because somebody typed it. It is counted like one that is, so
        that the limit does not say which numbers have accounts."""
        self._one_more_to(phone)


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


def client_ip(request: HttpRequest) -> str:
    """The reader's address, through the proxies that settings trust; the same for every limit."""
    return tries.address(request)


def locked_out(request: HttpRequest, _response: HttpResponse | None = None, _credentials: Any = None) -> HttpResponse:
    """Said instead of the log-in page once too many passwords were wrong."""
    return error_page(request, LockedOut(minutes=math.ceil(settings.AXES_COOLOFF_TIME * 60)))
