"""What a person may do (Cap) and where that holds (Scope). Roles, named sets of capabilities, are data of orgs."""

from __future__ import annotations

from enum import StrEnum


class Cap(StrEnum):
    """One thing a person may be allowed to do. Code asks for capabilities, never for roles."""

    HEAR = "hear"  # take a request at the counter or on the phone, for a resident
    DISPATCH = "dispatch"  # the dispatch desk of an area
    APPOINT_LEAD = "appoint_lead"  # name a lead unit by force (兜底)
    HANDLE_REQUESTS = "handle_requests"  # an officer of a unit: accept, contact, reply, ask to return
    APPROVE_REPLY = "approve_reply"  # the lead of a unit
    SUPERVISE = "supervise"  # board, urging, supervision, decisions on extensions and appeals
    REVISIT = "revisit"  # revisit calls
    VIEW_REQUESTS = "view_requests"  # read the requests of an area
    VIEW_PERSONAL = "view_personal"  # read personal data for a stated purpose
    EXPORT = "export"
    EXCLUDE = "exclude"  # propose or confirm an exclusion from the rates
    MANAGE_AREAS = "manage_areas"
    MANAGE_DUTY = "manage_duty"  # categories and the duty list
    MANAGE_RULES = "manage_rules"
    MANAGE_ORGS = "manage_orgs"
    MANAGE_GRANTS = "manage_grants"
    IMPORT_REQUESTS = "import_requests"
    POST_WISHES = "post_wishes"  # look in at a home, put a wish on the wall, see it delivered
    PLEDGE = "pledge"  # take on wishes for an organisation
    KEEP_SUGGESTIONS = "keep_suggestions"  # call for suggestions, publish them, follow them to their result
    HANDLE_TIPS = "handle_tips"  # tips on impostors: supervisors alone
    MANAGE_SITES = "manage_sites"  # stations and friendly places of an area
    KEEP_SITE = "keep_site"  # the hours and services of one's own station
    PUBLISH_NOTICES = "publish_notices"  # policy in plain words, to those it concerns
    LEAD_TEAM = "lead_team"  # activities, places and members of one's own team or organisation
    KEEP_VOLUNTEERS = "keep_volunteers"  # register and verify volunteers of an area, look at their proofs
    RECORD_HOURS = "record_hours"  # hours of service that one's own organisation records
    REVIEW_HOURS = "review_hours"  # the second decider of hours in an area: doubts, disputes, corrections
    REVIEW_ACTIVITIES = "review_activities"  # look at the plan of an activity before it is posted


class Scope(StrEnum):
    """Where a route or an arrow looks for the capability."""

    PUBLIC = "public"  # anybody
    SELF = "self"  # the person's own account
    LINK = "link"  # the holder of a secret link
    AREA = "area"  # the area of the thing lies in the grant's areas
    OWN_UNIT = "own_unit"  # the thing is with the grant's organisation
    SYSTEM = "system"  # periodic jobs
    DEMO = "demo"  # demo mode only
