"""Errors of snaps (L-261 … L-269; L-200, a photo that could not be looked at, is in core/files.py)."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from heli.core.errors import HeliError


class PlaceUnclear(HeliError):
    code = "L-261"
    status = 400
    sentence = _("We could not tell where this is. Choose the community, or write the street and number.")


class PlaceElsewhere(HeliError):
    code = "L-262"
    status = 400
    sentence = _("That point lies outside %(here)s, where nobody of ours can come. Call 12345 where you are.")


class AboutSomebody(HeliError):
    code = "L-263"
    status = 400
    sentence = _(
        "A snap is about a place or a thing. What concerns a person is told with the ordinary form; in danger call 110."
    )


class NothingShown(HeliError):
    code = "L-264"
    status = 400
    sentence = _("Choose what it is, or say it in a few words.")


class DayFull(HeliError):
    code = "L-265"
    status = 409
    sentence = _("This person has had the %(cap)s points of that day already.")


class NoFile(HeliError):
    code = "L-266"
    status = 400
    sentence = _("Mark at least one place in the photo that is to be covered.")


class NoThanksOwn(HeliError):
    code = "L-267"
    status = 403
    sentence = _("This is your own snap. A colleague decides about its thanks.")
