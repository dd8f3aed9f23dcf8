"""Every write about an account. The account pages of the library call these through people/accounts.py."""

from __future__ import annotations

import datetime as dt
import secrets

from allauth.mfa.models import Authenticator
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from heli.core import sessions, vault
from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import Invalid
from heli.core.models import VaultRecord
from heli.core.steps import Step, step
from heli.engines.identifiers import CODE_ALPHABET
from heli.people import elsewhere
from heli.people.errors import NameTaken, PhoneTaken
from heli.people.models import USERNAME, CalendarFeed, User
from heli.places.resource_steps import forget_person

SUBJECT = "people.user"
CALL_NAME_LIMIT = 40


def made_up(length: int) -> str:
    """Random letters and digits that are not mistaken for each other."""
    return "".join(secrets.choice(CODE_ALPHABET) for _ in range(length))


def _about(s: Step, user: User) -> None:
    s.about(SUBJECT, user.pk, "")
    s.record(user)
    if s.by.user_id is None and not s.by.system:
        s.event.user_id = user.pk  # somebody not logged in acts for the account they are opening or getting back into


def _save_new(user: User) -> None:
    try:
        USERNAME(user.username)
    except ValidationError as error:
        raise Invalid(error.messages[0], field="username") from error
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError as error:
        raise NameTaken(field="username") from error


def _seal_phone(user: User, phone: str, *, name: str = "") -> None:
    """Put the number (and a name) into the account's own record. Call while holding the user's row."""
    if user.record_id is None:
        user.record = vault.seal(name=name, phone=phone, user_id=user.pk)
        return
    record = VaultRecord.objects.select_for_update().get(pk=user.record_id)
    vault.fill(record, phone=phone, **({"name": name} if name else {}))
    record.save()


def _prove_phone(user: User, phone: str) -> None:
    user.verified_phone = vault.blind("phone", phone)
    try:
        with transaction.atomic():
            user.save(update_fields=["verified_phone", "record"])
    except IntegrityError as error:
        raise PhoneTaken(field="phone") from error


def register(
    *,
    by: Actor,
    at: dt.datetime,
    username: str = "",
    call_name: str = "",
    password: str = "",
    name: str = "",
    phone: str = "",
    phone_verified: bool = False,
    language: str = "",
) -> User:
    """Open an account. Without a user name one is made up (u-…); without a password only text messages let in.

    `name` and `phone` (11 digits) go to the vault. Five statements at most beside the step's own.

    Raises:
        Invalid: the user name has other characters or looks like a phone number (L-400, field username).
        NameTaken: somebody has it (L-522). PhoneTaken: another account has proved the number (L-521).
    """
    with step("people.register", by=by, at=at) as s:
        user = User(username=username or f"u-{made_up(8).lower()}", call_name=call_name.strip()[:CALL_NAME_LIMIT])
        user.language, user.date_joined = language, at
        user.set_password(password or None)
        _save_new(user)
        if name or phone:
            _seal_phone(user, phone, name=name)
            if phone and phone_verified:
                _prove_phone(user, phone)
            else:
                user.save(update_fields=["record"])
        _about(s, user)
    return user


def open_account(*, username: str, call_name: str, by: Actor, at: dt.datetime) -> tuple[User, str]:
    """An administrator of grants opens an account for a colleague; returns it with a password that is due at once.

    Raises:
        Forbidden: no MANAGE_GRANTS anywhere (L-403). Invalid, NameTaken: as `register`.
    """
    password = made_up(12)
    with step("people.open_account", by=by, at=at) as s:
        s.require(Cap.MANAGE_GRANTS)
        user = User(username=username.strip(), call_name=call_name.strip()[:CALL_NAME_LIMIT], password_due=True)
        user.date_joined = at
        user.set_password(password)
        _save_new(user)
        _about(s, user)
    return user, password


def set_phone(*, user_id: int, phone: str, verified: bool, by: Actor, at: dt.datetime) -> User:
    """Keep a number (11 digits) with the account; `verified`: the person has just typed the code sent to it.

    Raises:
        NotFound: not the actor's account (L-404). PhoneTaken: another account has proved it (L-521).
    """
    with step("people.set_phone", by=by, at=at) as s:
        user = s.lock(User, user_id)
        _seal_phone(user, phone)
        if verified:
            _prove_phone(user, phone)
        else:
            user.verified_phone = None
            user.save(update_fields=["verified_phone", "record"])
        _about(s, user)
        s.record(verified=verified)
    return user


def set_password(*, user_id: int, password: str, by: Actor, at: dt.datetime) -> User:
    """A new password (already checked against the rules); every other session of the account ends."""
    with step("people.set_password", by=by, at=at) as s:
        user = s.lock(User, user_id)
        user.set_password(password)
        user.password_due = False
        user.save(update_fields=["password", "password_due"])
        _about(s, user)
    return user


def change_profile(*, user_id: int, call_name: str, language: str, look: str, by: Actor, at: dt.datetime) -> User:
    """What others call the person, the language ('', 'zh-hans', 'en') and the reading modes ('', 'large dark' …)."""
    with step("people.change_profile", by=by, at=at) as s:
        user = s.lock(User, user_id)
        user.call_name, user.language, user.look = call_name.strip()[:CALL_NAME_LIMIT], language, look
        user.save(update_fields=["call_name", "language", "look"])
        _about(s, user)
    return user


def change_name(*, user_id: int, name: str, by: Actor, at: dt.datetime) -> User:
    """The person's own name, in the vault."""
    with step("people.change_name", by=by, at=at) as s:
        user = s.lock(User, user_id)
        if user.record_id is None:
            user.record = vault.seal(name=name.strip(), user_id=user.pk)
            user.save(update_fields=["record"])
        else:
            record = VaultRecord.objects.select_for_update().get(pk=user.record_id)
            vault.fill(record, name=name.strip())
            record.save()
        _about(s, user)
    return user


def close_account(*, user_id: int, by: Actor, at: dt.datetime) -> int:
    """Close the account for good: it cannot log in, and every personal record of it is erased; events stay. What the
    person was in other rooms ends with it (people/elsewhere.py).

    Matters under way go on without a contact. Returns how many records were erased.
    """
    with step("people.close_account", by=by, at=at) as s:
        user = s.lock(User, user_id)
        elsewhere.end_all(user.pk, by, at)
        erased = vault.erase(VaultRecord.objects.filter(user_id=user.pk), at)
        Authenticator.objects.filter(user=user).delete()
        CalendarFeed.objects.filter(user=user).update(is_open=False, changed_at=at)
        forget_person(s, user.pk)
        user.is_active, user.verified_phone, user.call_name = False, None, ""
        user.username = f"closed-{user.pk}"
        user.set_unusable_password()  # also ends every session
        user.save()
        _about(s, user)
        s.record(erased=erased)
    return erased


def end_sessions(*, user_id: int, only: str = "", but: str | None = None, by: Actor, at: dt.datetime) -> int:
    """Log out elsewhere: the session named by `only` (Open.pk), or all but the one with the cookie's key `but`.

    Returns how many ended; they end with the next request. Raises NotFound: not the actor's account (L-404).
    """
    with step("people.end_sessions", by=by, at=at) as s:
        user = s.lock(User, user_id)
        ended = sessions.end(user.pk, only=only, but=but)
        _about(s, user)
        s.record(ended=ended)
    return ended


def sweep_unfinished(*, before: dt.datetime, by: Actor, at: dt.datetime) -> int:
    """Close accounts opened before `before` whose phone number was never proved, so that the number is forgotten.

    Such an account cannot be logged into: its user name was made up and its number is not believed.
    """
    stale = User.objects.filter(
        is_active=True, verified_phone=None, record__phone_index__isnull=False, last_login=None, date_joined__lt=before
    )
    ids = list(stale.filter(username__startswith="u-").values_list("pk", flat=True)[:500])
    for user_id in ids:
        close_account(user_id=user_id, by=by, at=at)
    return len(ids)
