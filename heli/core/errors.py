"""Errors with a stable code and a sentence a person can act on (Chinese and English)."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class HeliError(Exception):
    """Base of every error a person may see. `field` names the form field it belongs to, if any."""

    code: ClassVar[str] = "L-500"
    status: ClassVar[int] = 500
    sentence: ClassVar[str | Promise] = _("It was not saved. What you wrote is kept here; please press once more.")

    def __init__(self, *, field: str | None = None, **slots: Any) -> None:
        self.field = field
        self.slots = slots
        super().__init__(self.code)

    @property
    def words(self) -> str:
        """The sentence in the reader's language."""
        return str(self.sentence) % self.slots if self.slots else str(self.sentence)

    def __str__(self) -> str:
        return f"{self.code} {self.words}"


class NotFound(HeliError):
    code = "L-404"
    status = 404
    sentence = _("Nothing is here that you can open. Check the address or the code; it may also have been moved.")


class Forbidden(HeliError):
    code = "L-403"
    status = 403
    sentence = _("This is not within what you were given to do. Your area administrator can give it to you.")


class Invalid(HeliError):
    """Something typed cannot be used; `message` says what is wrong and what it should be."""

    code = "L-400"
    status = 400
    sentence = "%(message)s"

    def __init__(self, message: str | Promise, *, field: str | None = None) -> None:
        super().__init__(field=field, message=message)


class WrongState(HeliError):
    code = "L-101"
    status = 409
    sentence = _("This step is no longer open: things have moved on. Look at what happened and go on from there.")


class TakenAlready(HeliError):
    code = "L-102"
    status = 409
    sentence = _("A colleague was first. Nothing you wrote is lost; look at what they did.")


class PaperMissing(HeliError):
    code = "L-103"
    status = 400
    sentence = _("Something is missing for this step: %(paper)s.")


class AlreadyDone(HeliError):
    """The same form was sent twice: the first time counted."""

    code = "L-104"
    status = 409
    sentence = _("This was already sent once and counted once.")
