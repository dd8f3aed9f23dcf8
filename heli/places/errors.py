"""What can go wrong with areas, each with its code."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from heli.core.errors import HeliError


class AreaInUse(HeliError):
    code = "L-201"
    status = 409
    sentence = _("%(count)s areas inside it are still in force. End or move those first.")


class PathTaken(HeliError):
    code = "L-202"
    status = 409
    sentence = _("The code %(path)s already belongs to %(name)s. Choose another one.")


class TableShrinks(HeliError):
    code = "L-203"
    status = 409
    sentence = _(
        "By this table %(gone)s of %(total)s areas would end. That looks like part of a table. "
        "If it is meant, import it again and say so."
    )


class TableUnreadable(HeliError):
    code = "L-204"
    status = 400
    sentence = _("Line %(line)s of the table cannot be read: %(problem)s.")


class NotInside(HeliError):
    code = "L-205"
    status = 400
    sentence = _("%(name)s cannot lie there: it would be inside itself, or below something of its own level.")


class ShapesOff(HeliError):
    code = "L-206"
    status = 404
    sentence = _("Boundary shapes are switched off here.")


class SiteColumnsMissing(HeliError):
    code = "L-207"
    status = 400
    sentence = _("The table has no column for: %(fields)s. Use the headings of the empty table.")


class SiteChanged(HeliError):
    code = "L-230"
    status = 409
    sentence = _("Somebody changed this site while you were writing. Look at what stands there now, then save again.")


class SiteNameTaken(HeliError):
    code = "L-231"
    status = 409
    sentence = _("%(name)s already stands in this area. Open that one, or choose another name.")


class PointOutside(HeliError):
    code = "L-232"
    status = 400
    sentence = _(
        "This point does not lie in %(area)s. Latitude comes first (37.5), then longitude (121.4); use WGS-84 degrees."
    )


class RatedAlready(HeliError):
    code = "L-233"
    status = 409
    sentence = _("You have rated this place this month. Next month you can again.")


class BookingTaken(HeliError):
    """`instead`: a free time next to it, and what else is free then."""

    code = "L-270"
    status = 409
    sentence = _("%(name)s is taken at that time: %(instead)s.")


class StockShort(HeliError):
    code = "L-271"
    status = 409
    sentence = _("Of %(name)s only %(left)s are left at that time, you asked for %(amount)s: %(instead)s.")


class BookingOutside(HeliError):
    code = "L-272"
    status = 409
    sentence = _("%(site)s is not open then. On that day: %(hours)s. Choose a time inside, or ask who keeps it.")


class BookingTooLate(HeliError):
    code = "L-273"
    status = 409
    sentence = _("%(name)s is booked at least %(lead)s before. From now that is %(first)s or later.")


class BookingTooLong(HeliError):
    code = "L-274"
    status = 409
    sentence = _("%(name)s can be booked for %(most)s at a time. Choose a shorter time.")


class BookingTooFar(HeliError):
    code = "L-275"
    status = 409
    sentence = _("It can be booked until %(last)s. Come back later for a day after that.")


class BookingNotForYou(HeliError):
    code = "L-276"
    status = 403
    sentence = _("%(name)s is lent to %(whom)s. Choose something else, or ask who keeps the place.")


class BookingsMany(HeliError):
    code = "L-277"
    status = 409
    sentence = _("You have %(n)s bookings ahead, and that is the most. Cancel one you do not need, then book this one.")


class NotBookable(HeliError):
    """Closed, or not begun."""

    code = "L-278"
    status = 409
    sentence = _("%(name)s cannot be booked on that day: it is no more, or not there yet. Choose something else.")


class BookingPast(HeliError):
    code = "L-279"
    status = 409
    sentence = _("That time has gone by. Choose one that is still to come.")


class ResourceNameTaken(HeliError):
    code = "L-280"
    status = 409
    sentence = _("This place has a %(name)s already. Open that one, or choose another name.")


class StillPromised(HeliError):
    code = "L-281"
    status = 409
    sentence = _("%(n)s bookings ahead need what you take away. Cancel or decide those first.")


class PartnerAlready(HeliError):
    code = "L-282"
    status = 409
    sentence = _("%(name)s runs this place with you already.")


class HoursUnclear(HeliError):
    """Opening hours that cannot be read; `message` says which and how to write them."""

    code = "L-234"
    status = 400
    sentence = "%(message)s"
