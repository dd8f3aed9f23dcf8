"""What can go wrong with an account; codes L-52x."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from heli.core.errors import HeliError


class PhoneTaken(HeliError):
    code = "L-521"
    status = 409
    sentence = _("This number belongs to another account. Log in there by a text message, or use another number.")


class NameTaken(HeliError):
    code = "L-522"
    status = 409
    sentence = _("Somebody has this user name already. Choose another one.")


class LockedOut(HeliError):
    code = "L-523"
    status = 429
    sentence = _("Too many wrong passwords. Wait %(minutes)s minutes, or log in by a text message.")


class WrongPassword(HeliError):
    code = "L-524"
    status = 400
    sentence = _("This is not your password. Type it once more; capital letters count.")
