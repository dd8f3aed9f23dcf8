"""Errors of volunteering (L-930 …)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from heli.core.errors import HeliError

if TYPE_CHECKING:
    from heli.volunteering.gates import Refusal


class NotEligible(HeliError):
    """`reasons` says each thing that is missing and what to do about it; `who` names the volunteer by number where
    somebody else enrols them."""

    code = "L-930"
    status = 409
    sentence = _("Something is missing first: %(reasons)s Then try again.")

    def __init__(self, reasons: Sequence[Refusal], who: str = "") -> None:
        self.reasons = reasons
        said = " ".join(f"{r.words} {r.act}".strip() for r in reasons)
        super().__init__(reasons=f"{who} {said}".strip())


class NoPlace(HeliError):
    code = "L-931"
    status = 409
    sentence = _("No place is free any more: %(free)s left. You can wait for one, or choose another shift.")


class TwoPlaces(HeliError):
    code = "L-932"
    status = 409
    sentence = _("At that time there is another shift already. Withdraw from one of the two first.")


class EnrolledAlready(HeliError):
    code = "L-933"
    status = 409
    sentence = _("Already on the list of this shift.")


class NotOpen(HeliError):
    code = "L-934"
    status = 409
    sentence = _("Nobody can enrol in this shift now: %(why)s.")


class OfferOver(HeliError):
    code = "L-935"
    status = 409
    sentence = _("The time for this offer is over; the place has gone to the next in line.")


class NoSuchVolunteer(HeliError):
    code = "L-936"
    status = 400
    sentence = _("There is no volunteer with this number. It stands on their page, under their name.")


class CodeOver(HeliError):
    code = "L-937"
    status = 409
    sentence = _("This code has changed meanwhile. Scan the one that is shown now.")


class WrongPin(HeliError):
    code = "L-938"
    status = 403
    sentence = _("This is not the PIN of this shift. The leader sees it on the shift's page.")


class NotNow(HeliError):
    code = "L-939"
    status = 409
    sentence = _("Nobody can be checked in at that time: the shift is from %(starts)s to %(ends)s.")


class StillOpen(HeliError):
    code = "L-940"
    status = 409
    sentence = _("%(n)s people are neither in nor marked as absent. Say of each what happened, then close the shift.")
