"""People's accounts: a user name and a call name. The name and phone number of a person are in the vault."""

from __future__ import annotations

from typing import Any, ClassVar

import pghistory
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from heli.core.actor import Actor
from heli.core.models import VaultRecord

# Letters of any script, so that a person may sign up by name; never a phone number, which the same field also takes.
USERNAME = RegexValidator(
    r"^(?!\+?\d{6,}$)[\w.-]{2,60}\Z",
    _("2 to 60 letters, digits, dots, dashes or underscores; not a phone number."),
)


class UserManager(BaseUserManager["User"]):
    def visible_to(self, actor: Actor) -> models.QuerySet[User]:
        """One's own account while it is open; who else has which account is asked by steps that name it."""
        if actor.system:
            return self.all()
        return self.filter(pk=actor.user_id, is_active=True) if actor.user_id is not None else self.none()

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(username__iexact=username)


@pghistory.track(exclude=["password", "last_login", "call_name", "verified_phone", "look", "language"])
class User(AbstractBaseUser):
    """An account. No is_staff, no superuser: what someone may do comes from grants alone (orgs).

    A closed account keeps its row (events and grants point at it) and loses all that is personal.
    """

    username = models.CharField(_("User name"), max_length=60, unique=True, validators=[USERNAME])
    call_name = models.CharField(_("What others call you"), max_length=40, default="", blank=True)
    record = models.OneToOneField(VaultRecord, null=True, on_delete=models.PROTECT, related_name="account")
    # Blind index of the number this person has proved to hold; a number belongs to one account at a time.
    verified_phone = models.BinaryField(null=True, unique=True, max_length=32)
    password_due = models.BooleanField(default=False)  # somebody else chose the password
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=timezone.now)
    look = models.CharField(max_length=60, default="", blank=True)  # reading modes, kept per person
    language = models.CharField(max_length=10, default="", blank=True)

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(Lower("username"), name="user_name_once"),
            models.CheckConstraint(condition=~models.Q(username__regex=r"^\s*$"), name="user_has_name"),
        ]

    def __str__(self) -> str:
        return self.call_name or self.username

    def get_full_name(self) -> str:
        return str(self)

    @property
    def phone_verified(self) -> bool:
        return self.verified_phone is not None


class CalendarFeed(models.Model):
    """A person's calendar link: there once they asked for one. The link is made from `nonce` (people.feed_steps), not kept."""

    user = models.OneToOneField(User, on_delete=models.PROTECT, primary_key=True, related_name="calendar_feed")
    nonce = models.PositiveIntegerField(default=1)
    is_open = models.BooleanField(default=True)
    changed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.user_id} {self.is_open}"
