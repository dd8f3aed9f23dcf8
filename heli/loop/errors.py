"""Errors of the loop (L-110 … L-149)."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from heli.core.errors import HeliError


class NotToGrassroots(HeliError):
    code = "L-110"
    status = 400
    sentence = _(
        "The duty list (row %(row)s) gives this to %(unit)s. A department's matter goes down to a street or village "
        "only when you name the rule that allows it."
    )


class NoSuchCategory(HeliError):
    code = "L-111"
    status = 400
    sentence = _("This kind of matter is no longer in the list. Choose another one.")


class UnknownPlace(HeliError):
    code = "L-112"
    status = 400
    sentence = _("We could not tell where this is. Choose the street and community.")


class LinkEnded(HeliError):
    code = "L-113"
    status = 410
    sentence = _(
        "This link has ended or was cut short. Look your request up by its code and your phone number instead."
    )


class ReturnLimit(HeliError):
    code = "L-114"
    status = 409
    sentence = _("It has already come back %(bounces)s times; the limit is %(limit)s. A lead must now be named for it.")


class HandlerCannotJudge(HeliError):
    code = "L-115"
    status = 403
    sentence = _(
        "Whoever handled a request cannot record what the resident thinks of it. A colleague from another unit can."
    )


class NeedsSecondPerson(HeliError):
    code = "L-116"
    status = 403
    sentence = _("Whoever asked for this cannot also decide it. A second person must.")


class JudgedAlready(HeliError):
    code = "L-117"
    status = 409
    sentence = _("This round has already been judged. If it is not over for you, add a word and we will look again.")


class TooLong(HeliError):
    code = "L-118"
    status = 400
    sentence = _(
        "These are %(length)s characters; at most %(limit)s fit. Keep what matters most and add the rest later."
    )


class AskedTooLate(HeliError):
    code = "L-119"
    status = 409
    sentence = _("More time must be asked for at least %(before)s before it is due. It was due at %(due)s.")


class TooMuchTime(HeliError):
    code = "L-120"
    status = 400
    sentence = _("At most %(limit)s can be added under the rule in force.")


class CannotMerge(HeliError):
    code = "L-121"
    status = 409
    sentence = _(
        "These two cannot be joined: one is already joined, finished, part of a split request, or lies in another county."
    )


class NotSplit(HeliError):
    code = "L-122"
    status = 400
    sentence = _("To split a request, write at least two parts.")


class ClosedToWords(HeliError):
    code = "L-123"
    status = 409
    sentence = _("This request is over, so nothing can be added to it. Tell us anew; you can name the old code.")


class ReturnTooLate(HeliError):
    code = "L-124"
    status = 409
    sentence = _("A return is asked for within %(window)s of dispatch. Handle it, or ask another unit to help.")


class TooLateToTakeBack(HeliError):
    code = "L-125"
    status = 409
    sentence = _("A dispatch can be taken back within %(window)s. Ask the unit to give it back, or send it on.")


class NotToldToUnit(HeliError):
    code = "L-131"
    status = 403
    sentence = _(
        "The resident asked that the unit is not told who said it. Ask through this page; the request centre passes it on."
    )


class AnotherWay(HeliError):
    code = "L-140"
    status = 409
    sentence = _("This kind of request is not answered by a plain reply. Use: %(way)s.")


class NotAWish(HeliError):
    code = "L-141"
    status = 409
    sentence = _("Only a wish stays with the unit that heard it. Everything else goes through the dispatch desk.")


class NotYoursAlone(HeliError):
    code = "L-139"
    status = 409
    sentence = _("Neighbours said the same and it was joined, so it goes on for them. You need not do anything more.")


class OrderOpen(HeliError):
    code = "L-142"
    status = 409
    sentence = _("Request %(code)s already has an open order. Open that one, or wait until it is closed.")


class CallTaken(HeliError):
    code = "L-143"
    status = 409
    sentence = _("A colleague is calling about this one now. Take the next call.")


class NotNow(HeliError):
    code = "L-144"
    status = 409
    sentence = _("Residents are not called at this time. Calls are made: %(hours)s.")


class SameCaller(HeliError):
    code = "L-145"
    status = 403
    sentence = _("Whoever made the first call does not also check it. A colleague asks again.")


class NotDrawn(HeliError):
    code = "L-147"
    status = 409
    sentence = _("This one was not drawn for a call. Its resident judges by the link, or at the counter.")


class PartsOpen(HeliError):
    code = "L-146"
    status = 409
    sentence = _("Not every unit's report has been accepted yet. Accept them or send them back first.")


class TooFewLessons(HeliError):
    code = "L-148"
    status = 409
    sentence = _(
        "People have decided on %(n)s requests here; a reader of one's own needs %(least)s. Until then the one that comes "
        "with the software reads, and learns from each correction."
    )
