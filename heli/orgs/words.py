"""Capabilities, events and the reasons why a grant does not count, in words a person can act on."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from heli.core.caps import Cap

CAPS: dict[Cap, str | Promise] = {
    Cap.HEAR: _("take requests down at the counter or on the phone"),
    Cap.DISPATCH: _("give requests to units, and decide on returns"),
    Cap.APPOINT_LEAD: _("name the lead unit when none takes it"),
    Cap.HANDLE_REQUESTS: _("take on, handle and answer what the unit was given"),
    Cap.APPROVE_REPLY: _("approve the unit's replies"),
    Cap.SUPERVISE: _("see the board, urge, supervise, decide on extensions"),
    Cap.REVISIT: _("ask residents afterwards"),
    Cap.VIEW_REQUESTS: _("read the requests of the area"),
    Cap.VIEW_PERSONAL: _("open names and numbers, each time saying what for"),
    Cap.EXPORT: _("export lists"),
    Cap.EXCLUDE: _("leave requests out of the rates, with evidence and a second person"),
    Cap.MANAGE_AREAS: _("change the areas"),
    Cap.MANAGE_DUTY: _("change the duty list and the categories"),
    Cap.MANAGE_RULES: _("change rules and limits"),
    Cap.MANAGE_ORGS: _("change organisations and their members"),
    Cap.MANAGE_GRANTS: _("decide who may do what"),
    Cap.IMPORT_REQUESTS: _("import requests in batches"),
    Cap.POST_WISHES: _("put wishes on the wall after a visit, and see them delivered"),
    Cap.PLEDGE: _("take on wishes for the organisation"),
    Cap.KEEP_SUGGESTIONS: _("call for suggestions, publish them, follow them to the end"),
    Cap.HANDLE_TIPS: _("look into tips on impostors"),
    Cap.MANAGE_SITES: _("enter and change stations"),
    Cap.KEEP_SITE: _("keep the hours and services of the own station"),
    Cap.PUBLISH_NOTICES: _("publish notices in plain words"),
    Cap.LEAD_TEAM: _("plan the activities of the own team, say who was there, take members"),
    Cap.KEEP_VOLUNTEERS: _("register volunteers, look at their cards and papers"),
    Cap.RECORD_HOURS: _("record hours of service"),
    Cap.REVIEW_HOURS: _("decide on hours in doubt, as a second person"),
    Cap.REVIEW_ACTIVITIES: _("look at plans of activities before they are posted"),
}

WHY_NOT: dict[str, str | Promise] = {
    "": pgettext_lazy("grant", "in force"),
    "not_yet": pgettext_lazy("grant", "not yet"),
    "ended": pgettext_lazy("grant", "ended"),
    "unit_closed": pgettext_lazy("grant", "unit closed"),
    "account_closed": pgettext_lazy("grant", "account closed"),
}
CHIPS = {"": "done", "not_yet": "", "ended": "pause", "unit_closed": "late", "account_closed": "late"}

STEPS: dict[str, str | Promise] = {
    "orgs.give_grant": _("Given"),
    "orgs.end_grant": pgettext_lazy("event", "Ended"),
    "orgs.create_org": _("Entered"),
    "orgs.change_org": _("Changed"),
    "orgs.close_org": pgettext_lazy("event", "Closed"),
    "orgs.reopen_org": _("Opened again"),
    "orgs.add_member": _("A member joined"),
    "orgs.end_member": _("A member left"),
}


def caps_said(caps: list[str]) -> list[str]:
    """What a role's capabilities let one do, in words, in the order of the code."""
    return [str(CAPS[c]) for c in Cap if c.value in caps]
