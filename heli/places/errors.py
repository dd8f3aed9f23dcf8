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


class HoursUnclear(HeliError):
    """Opening hours that cannot be read; `message` says which and how to write them."""

    code = "L-234"
    status = 400
    sentence = "%(message)s"
