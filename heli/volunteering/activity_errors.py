"""Errors of activities, shifts and series (L-440 … L-454)."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from heli.core.errors import HeliError


class ChangedMeanwhile(HeliError):
    code = "L-440"
    status = 409
    sentence = _("Somebody changed it while you wrote. What you wrote is still here: compare it, and save again.")


class NotReady(HeliError):
    """What the rules ask before a plan is posted is not all there."""

    code = "L-441"
    status = 400
    sentence = _("Before it can be posted, this is missing: %(missing)s.")


class SecondPerson(HeliError):
    code = "L-442"
    status = 403
    sentence = _("You wrote this plan, changed it, or lead it. Somebody else looks at it before it is posted.")


class DatedBack(HeliError):
    code = "L-443"
    status = 400
    sentence = _(
        "A shift is planned before it begins: this time is over. What was not planned here is not written down here."
    )


class BadSeries(HeliError):
    code = "L-444"
    status = 400
    sentence = _(
        "This is not a rule that can be followed: say every how many days, weeks or months, and on which days."
    )


class TooManyShifts(HeliError):
    code = "L-445"
    status = 400
    sentence = _("That makes more than %(limit)s shifts. End the series earlier, or let it come less often.")


class TooLongAhead(HeliError):
    code = "L-446"
    status = 400
    sentence = _("A series ends at most %(limit)s after its first day.")


class NobodyLeft(HeliError):
    code = "L-447"
    status = 400
    sentence = _("This rule has no day before its end. Choose a later last day, or other days.")


class PeopleElsewhere(HeliError):
    """How many, never who: what somebody else does that day is theirs."""

    code = "L-448"
    status = 409
    sentence = _("At that time %(n)s of those enrolled are somewhere else. Choose another time, or cancel this shift.")


class PlacesHeld(HeliError):
    code = "L-449"
    status = 409
    sentence = _("%(n)s places are held already. Leave at least so many.")


class ShiftBegun(HeliError):
    code = "L-450"
    status = 409
    sentence = _("This shift has begun. Write down who was there instead.")


class NotOver(HeliError):
    code = "L-451"
    status = 409
    sentence = _("It is not over: %(n)s shifts are still to come, or their attendance is not settled.")


class SaysWho(HeliError):
    code = "L-452"
    status = 400
    sentence = _("Everybody can read this, and “%(found)s” says whom it is for or where they live. Leave it out.")


class NoEmergency(HeliError):
    code = "L-453"
    status = 409
    sentence = _("Only an activity marked as an emergency is posted before somebody else has looked at its plan.")


class NotHandled(HeliError):
    code = "L-454"
    status = 409
    sentence = _("This request is not in your unit's hands. Look at its page to see who has it.")
