"""What can go wrong with organisations and grants; codes L-6xx."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from heli.core.errors import HeliError


class UnitClosed(HeliError):
    code = "L-601"
    status = 409
    sentence = _("%(name)s has closed and takes nothing new. Choose another unit.")


class OwnGrant(HeliError):
    code = "L-602"
    status = 403
    sentence = _("Nobody decides on what they themselves may do. Ask another administrator of your area.")


class TooWide(HeliError):
    code = "L-603"
    status = 403
    sentence = _("This reaches beyond the areas whose grants you manage. Narrow it, or ask the administrator above.")


class NeedsOrg(HeliError):
    code = "L-604"
    status = 400
    sentence = _("The role “%(role)s” is held for a unit. Choose the unit.")


class GrantedAlready(HeliError):
    code = "L-605"
    status = 409
    sentence = _("This person holds this role there already. Look at what they may do before you give more.")


class TooLong(HeliError):
    code = "L-606"
    status = 400
    sentence = _("A grant lasts at most %(days)s days. Choose an earlier end; it can be given anew in time.")


class OrgNameTaken(HeliError):
    code = "L-607"
    status = 409
    sentence = _(
        "An organisation of this name, or with this code, is here already. Open it instead of making a second one."
    )


class UnitsBelow(HeliError):
    code = "L-608"
    status = 409
    sentence = _("%(count)s units below it are open. Close them first, or put them under another one.")


class NoSuchPerson(HeliError):
    code = "L-609"
    status = 400
    sentence = _(
        "Nobody has this user name. Ask them to look it up under “My information”, or open an account for them."
    )


class MemberAlready(HeliError):
    code = "L-610"
    status = 409
    sentence = _("This person is a member of it already.")


class NotTheirs(HeliError):
    code = "L-611"
    status = 400
    sentence = _("The colleague to act for does not hold this role for this unit in all of these areas.")


class OutsideUnit(HeliError):
    code = "L-612"
    status = 400
    sentence = _("The areas must lie within the area of %(name)s.")


class ParentCircle(HeliError):
    code = "L-613"
    status = 400
    sentence = _("%(name)s is below this organisation, so it cannot stand above it.")


class LoggedOut(HeliError):
    """The session of somebody with work to do here was unused, or there, for too long."""

    code = "L-614"
    status = 401
    sentence = _(
        "You were away for long, so you were logged out. Log in in another tab, come back here, reload and send again."
    )
