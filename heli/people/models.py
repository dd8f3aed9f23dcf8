"""People's accounts. The name and phone number of a person are in the vault; an account holds a user name and a call name."""

from __future__ import annotations

from typing import Any, ClassVar

import pghistory
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from heli.core.models import VaultRecord


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(username=username)


@pghistory.track(exclude=["password", "last_login"])
class User(AbstractBaseUser):
    """An account. No is_staff, no superuser: what someone may do comes from grants alone (orgs)."""

    username = models.CharField(_("User name"), max_length=60, unique=True)
    call_name = models.CharField(_("What others call you"), max_length=40, default="")
    record = models.OneToOneField(VaultRecord, null=True, on_delete=models.SET_NULL, related_name="account")
    phone_verified = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=timezone.now)
    look = models.CharField(max_length=60, default="", blank=True)  # reading modes, kept per person
    language = models.CharField(max_length=10, default="", blank=True)

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=~models.Q(username__regex=r"^\s*$"), name="user_has_name")
        ]

    def __str__(self) -> str:
        return self.call_name or self.username

    def get_full_name(self) -> str:
        return str(self)
