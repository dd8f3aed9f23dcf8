"""For organisers and for those who look at plans."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from heli.core import export
from heli.core.actor import Actor
from heli.core.caps import Cap, Scope
from heli.core.errors import AlreadyDone, Forbidden, HeliError, NotFound
from heli.core.pages import HeliRequest, page
from heli.core.scope import within
from heli.loop.clocks import local_day
from heli.loop.forms.public import new_key
from heli.loop.models import Request
from heli.loop.views.public import private
from heli.orgs.queries import people_with
from heli.places.models import Area
from heli.places.sites import Site
from heli.rulebook import queries as rulebook
from heli.volunteering import series
from heli.volunteering.forms import activities as forms
from heli.volunteering.models import Activity, Field, Role, Series, Shift, Skill
from heli.volunteering.queries import activity_desk as desks
from heli.volunteering.queries.activities import DAYS, Time
from heli.volunteering.queries.kind import concerns_of
from heli.volunteering.steps import activities as steps
from heli.volunteering.steps import roles as role_steps

Words = str | Promise
EITHER = (Cap.LEAD_TEAM, Cap.REVIEW_ACTIVITIES)
EXPORT_CAP = "export.row_cap"
LEAVES, SITES = 400, 400  # most that a list of choices holds


def to_one(activity_id: int, part: str = "") -> HttpResponse:
    return HttpResponseRedirect(reverse("volunteering:one", args=[activity_id]) + part, status=303)


# The desk -------------------------------------------------------------------------------------------------------------
@page("desk/", name="activity_desk", needs=Cap.LEAD_TEAM, scope=Scope.OWN_UNIT)
def desk(request: HeliRequest) -> HttpResponse:
    """What to do next first; then the activities of one's organisations, and the templates."""
    now, f = timezone.now(), desks.Filters.read(request.GET)
    counts = desks.counts(request.actor, now)
    context = {
        "now": now,
        "f": f,
        "query": request.GET.urlencode(),
        "waiting": [{"key": k, "group": g, "count": counts[k]} for k, g in desks.GROUPS.items() if counts[k]],
        "page": desks.desk(request.actor, f, now, after=request.GET.get("after")),
        "states": [(k, said) for k, (said, _states) in desks.STATES.items()],
        "fields": Field.choices,
        "narrowed": bool(f.kept()),
    }
    return render(request, "volunteering/activities/desk.html", context)


@page("desk/export/", name="activity_export", needs=Cap.LEAD_TEAM, scope=Scope.OWN_UNIT, methods=("POST",))
def export_list(request: HeliRequest) -> HttpResponse:
    """The list as it is narrowed, as a spreadsheet for a stated purpose; nobody who serves or was served is in it."""
    now, f = timezone.now(), desks.Filters.read(request.GET)
    units = desks.units_of(request.actor)
    path = next(iter(request.actor.paths(Cap.LEAD_TEAM)), "")
    most = int(rulebook.in_force((EXPORT_CAP,), path=path, on=local_day(now))[EXPORT_CAP].value)
    rows = [desks.row(a) for a in desks.found(request.actor, f, now).order_by("-id")[: most + 1]]
    if len(rows) > most:
        raise export.TooManyRows(cap=most)
    purpose = request.POST.get("purpose", "")
    export.take_away(
        name="activities", by=request.actor, at=now, purpose=purpose, rows=len(rows), filters=f.kept(), path=path,
        org_id=units[0] if units else None, cap=Cap.LEAD_TEAM,
    )  # fmt: skip
    notes = [purpose, _("No personal data is in this file. It was recorded that it was made.")]
    book = export.workbook(_("Activities"), desks.columns(), rows, cap=most, notes=notes)
    return export.download(book, f"activities-{local_day(now):%Y%m%d}.xlsx")


# Writing one down -----------------------------------------------------------------------------------------------------
def choices(actor: Actor, org_id: int | None, area_path: str, now: dt.datetime) -> dict[str, Any]:
    """What the form's lists offer. Four statements."""
    county = area_path[: steps.COUNTY]
    areas = Area.objects.offered().filter(within("path", (county,)), level__gte=3).order_by("path")
    sites = Site.objects.serving(local_day(now)).filter(within("area_path", (county,))).order_by("area_path", "name")
    leaders = people_with(Cap.LEAD_TEAM, at=now, org_id=org_id) if org_id is not None else []
    return {
        "areas": [(a.path, ("　" if a.level > 4 else "") + a.name) for a in areas[:LEAVES]],
        "sites": [(s.pk, f"{s.name}（{s.address}）") for s in sites[:SITES]],
        "guides": [(p.id, p.name) for p in people_with(Cap.POST_WISHES, at=now, path=area_path)],
        "leaders": [(p.id, p.name) for p in leaders if p.id != actor.user_id],
    }


def plan_form(request: HeliRequest, now: dt.datetime, a: Activity | None, *args: Any, **kwargs: Any) -> forms.PlanForm:
    orgs = [a.org] if a is not None else desks.organisations(request.actor)
    if not orgs:
        raise Forbidden
    asked = request.POST.get("org", "") if request.method == "POST" else ""
    org = next((o for o in orgs if str(o.pk) == asked), orgs[0])
    offered = choices(request.actor, org.pk, a.area_path if a is not None else org.area_path, now)
    return forms.PlanForm(*args, orgs=[(o.pk, o.name) for o in orgs], **offered, **kwargs)


def plan_page(request: HeliRequest, form: forms.PlanForm, a: Activity | None, status: int = 200) -> HttpResponse:
    served = form["request"].value()
    asked = Request.objects.visible_to(request.actor).filter(code=served).first() if served else None
    context = {"form": form, "a": a, "asked": asked, "one_org": len(form.fields["org"].choices) == 1}  # type: ignore[attr-defined]
    return private(render(request, "volunteering/activities/write.html", context, status=status))


@page("desk/new/", name="new", needs=Cap.LEAD_TEAM, scope=Scope.OWN_UNIT, methods=("GET", "POST"))
def new(request: HeliRequest) -> HttpResponse:
    """A new activity: first its words, then roles, then shifts. `?request=` a request of one's unit that it serves."""
    now = timezone.now()
    if request.method != "POST":
        form = plan_form(request, now, None)
        org = desks.organisations(request.actor)[0]
        form.initial = {
            "form_key": new_key(),
            "org": org.pk,
            "area": org.area_path,
            "request": request.GET.get("request", ""),
        }
        return plan_page(request, form, None)
    form, status = plan_form(request, now, None, request.POST), 400
    if form.is_valid():
        data = form.cleaned_data
        try:
            made = steps.draft(
                org_id=data["org"], plan=form.plan_of(), by=request.actor, at=now, request_code=data["request"],
                form_key=data["form_key"],
            )  # fmt: skip
            return private(to_one(made.pk))
        except AlreadyDone:
            before = Activity.objects.visible_to(request.actor).filter(form_key=data["form_key"]).first()
            if before is not None:
                return private(to_one(before.pk))
            raise
        except HeliError as error:
            form.put(error)
            status = error.status
    return plan_page(request, form, None, status)


def values_of(a: Activity) -> dict[str, Any]:
    same = (
        "title", "field", "content", "place", "conditions", "risks", "brings", "plan", "minors", "home", "silver",
        "insurer", "insured_to", "approval", "emergency", "version",
    )  # fmt: skip
    return {n: getattr(a, n) for n in same} | {
        "org": a.org_id, "area": a.area_path, "site": a.site_id, "guide": a.guide_id, "leader": a.leader_id,
    }  # fmt: skip


@page("desk/<int:activity_id>/edit/", name="edit", needs=Cap.LEAD_TEAM, scope=Scope.OWN_UNIT, methods=("GET", "POST"))
def edit(request: HeliRequest, activity_id: int) -> HttpResponse:
    """The words of a draft; what somebody else changed in the meantime is not overwritten."""
    now, a = timezone.now(), desks.one(request.actor, activity_id)
    if not desks.leads(request.actor, a):
        raise Forbidden
    if request.method != "POST":
        return plan_page(request, plan_form(request, now, a, initial=values_of(a)), a)
    form, status = plan_form(request, now, a, request.POST), 400
    if form.is_valid():
        kept = a.site_id == form.cleaned_data["site"]
        where = (a.lat, a.lon) if kept and a.site_id is None else (None, None)
        try:
            steps.change(
                activity_id=activity_id, version=form.cleaned_data["version"] or 0, plan=form.plan_of(*where), by=request.actor,
                at=now,
            )  # fmt: skip
            return private(to_one(activity_id))
        except NotFound:
            raise
        except HeliError as error:
            form.put(error)
            status = error.status
            a = desks.one(request.actor, activity_id)
    return plan_page(request, form, a, status)


# One activity ---------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Act:
    """Something one can do with an activity: its form and its step. `who`: lead or look."""

    title: Words
    note: Words
    button: Words
    form: Callable[..., forms.Explained]
    do: Callable[..., Any]
    states: tuple[str, ...]
    who: str = "lead"


def _copied(*, activity_id: int, by: Actor, at: dt.datetime) -> Activity:
    return steps.copy(activity_id=activity_id, by=by, at=at)


def _kept(*, activity_id: int, by: Actor, at: dt.datetime) -> Activity:
    return steps.copy(activity_id=activity_id, by=by, at=at, template=True)


ACTS: dict[str, Act] = {
    "submit": Act(
        gettext_lazy("Send it on to be looked at"), gettext_lazy("A second person looks at the plan, then everybody finds it."),
        gettext_lazy("Send it on"), forms.NothingForm, steps.submit, ("draft",),
    ),
    "post": Act(
        gettext_lazy("Post it"), gettext_lazy("Everybody finds it from now on."), gettext_lazy("Post it"),
        forms.NothingForm, steps.post, ("review",), "look",
    ),
    "back": Act(
        gettext_lazy("Send it back"), gettext_lazy("Say what is to be bettered; it can be sent on again."),
        gettext_lazy("Send it back"), forms.ReasonForm, steps.back, ("review",), "look",
    ),
    "look": Act(
        gettext_lazy("I looked at this emergency"), gettext_lazy("It was posted at once. Not content with it? Then cancel it."),
        gettext_lazy("Write it down"), forms.LookForm, steps.look, ("posted", "ended"), "look",
    ),
    "post_emergency": Act(
        gettext_lazy("Post it at once"), gettext_lazy("Something has happened. Somebody looks at the plan afterwards."),
        gettext_lazy("Post it at once"), forms.NothingForm, steps.post_emergency, ("draft", "review"),
    ),
    "end": Act(
        pgettext_lazy("activity", "Say what came of it"), gettext_lazy("Everybody reads it; a request that it served is answered."),
        gettext_lazy("End it with this report"), forms.EndForm, steps.end, ("posted",),
    ),
    "amend": Act(
        gettext_lazy("What is provided, and the insurance"), gettext_lazy("What else the plan says stays as it was looked at."),
        gettext_lazy("Save it"), forms.AmendForm, steps.amend, ("posted",),
    ),
    "copy": Act(
        gettext_lazy("Copy it"), gettext_lazy("A new draft with its words and roles, without its shifts."),
        gettext_lazy("Make a copy"), forms.NothingForm, _copied, ("draft", "review", "posted", "ended", "cancelled"),
    ),
    "template": Act(
        gettext_lazy("Keep it as a template"), gettext_lazy("It stands among your templates, to be copied again."),
        gettext_lazy("Keep the template"), forms.NothingForm, _kept, ("draft", "review", "posted", "ended"),
    ),
    "cancel": Act(
        gettext_lazy("Cancel the activity"), gettext_lazy("Its shifts to come do not take place; those enrolled are told."),
        pgettext_lazy("activity", "Cancel it"), forms.ReasonForm, steps.cancel, ("draft", "review", "posted"), "either",
    ),
}  # fmt: skip
SHIFT_ACTS: dict[str, tuple[Words, Words, Callable[..., forms.Explained]]] = {
    "move": (gettext_lazy("At another time"), gettext_lazy("Move it"), forms.MoveForm),
    "cancel": (gettext_lazy("It does not take place"), gettext_lazy("Cancel this shift"), forms.ReasonForm),
}


def open_acts(actor: Actor, a: Activity, now: dt.datetime) -> list[str]:
    """The acts that are open to the actor, in order. Pure."""
    leads, looks = desks.leads(actor, a), desks.looks(actor, a)
    found = []
    for verb, act in ACTS.items():
        fits = {"lead": leads, "look": looks, "either": leads or looks}[act.who] and a.state in act.states
        if a.template:
            fits = fits and verb in {"copy", "cancel"}
        if verb in {"look", "post_emergency"}:
            fits = fits and a.emergency and a.reviewed_at is None
        if verb == "end":
            fits = fits and (a.last_at is None or a.last_at < now)
        if verb == "submit" and a.emergency:
            fits = False
        if fits:
            found.append(verb)
    return found


def first_values(verb: str, a: Activity) -> dict[str, Any]:
    if verb == "amend":
        return {n: getattr(a, n) for n in ("version", "brings", "insurer", "insured_to")}
    return {}


def next_of(a: Activity, lacking: int, now: dt.datetime) -> tuple[Words, Words]:
    """What there is to do now, in two sentences. Pure."""
    if a.template:
        return _("A template"), _("Copy it to make an activity of it.")
    if a.state == "draft":
        if a.reason:
            return _("It came back: better it, and send it on again"), a.reason
        if lacking:
            said = ngettext("%(n)s thing is still missing", "%(n)s things are still missing", lacking) % {"n": lacking}
            return said, _("They are listed below, with what asks for them.")
        return _("Everything is there: send it on"), _("A second person looks at it before everybody finds it.")
    if a.state == "review":
        return _("The plan is being looked at"), _("Somebody else than who wrote it reads it against the list below.")
    if a.state == "posted" and a.last_at is not None and a.last_at < now:
        return _("It is over: say what came of it"), _("How many were served, and in what way.")
    if a.state == "posted":
        return _("Everybody can find it"), _("Watch that each shift has enough people.")
    return (_("It has ended"), a.came_of_it) if a.state == "ended" else (_("It does not take place"), a.reason)


def one_page(
    request: HeliRequest, a: Activity, *, typed: dict[str, forms.Explained] | None = None, status: int = 200
) -> HttpResponse:
    """The page, with a form as it was typed when something is wrong with it. `typed`: {"act:end": form}."""
    now, typed = timezone.now(), typed or {}
    leads = desks.leads(request.actor, a)
    asked = desks.asked_of(a, now)
    skills = [(s.key, s.name) for s in Skill.objects.order_by("kind", "name")[:200]]
    acts = [
        {
            "verb": v, "act": ACTS[v], "form": typed.get(f"act:{v}") or ACTS[v].form(initial=first_values(v, a), auto_id=f"{v}_%s"),
            "url": reverse("volunteering:activity_act", args=[a.pk, v]), "open": f"act:{v}" in typed,
        }
        for v in open_acts(request.actor, a, now)
    ]  # fmt: skip
    main = next((x for x in acts if x["verb"] in {"submit", "post", "post_emergency", "end"}), None)
    lacking = sum(not c.ok for c in asked)
    if main is not None and lacking and main["verb"] in {"submit", "post"}:
        main = None
    changeable = leads and a.state == "draft"
    planned = leads and a.state in {"draft", "review", "posted"} and not a.template
    context = {
        "a": a,
        "chip": desks.row(a).chip,
        "field": Field(a.field).label,
        "next": next_of(a, lacking, now),
        "main": main,
        "acts": [x for x in acts if x is not main],
        "checks": asked if a.state in {"draft", "review", "posted"} and not a.template else [],
        "leads": leads,
        "changeable": changeable,
        "planned": planned,
        "roles": [
            (r, typed.get(f"role:{r.pk}") or (role_form(r, skills) if changeable else None), f"role:{r.pk}" in typed)
            for r in a.roles.filter(ended=False).order_by("id").prefetch_related("skills__skill")
        ],
        "role_form": typed.get("role") or forms.RoleForm(skills=skills, prefix="role"),
        "role_open": "role" in typed,
        "times": [time_row(t, typed, now) for t in desks.times(a, now)],
        "shift_form": typed.get("shift") or forms.ShiftForm(prefix="shift"),
        "shift_open": "shift" in typed,
        "series": [
            (x, typed.get(f"series:{x.pk}") or forms.EndSeriesForm(prefix=f"series{x.pk}"), said_rule(x))
            for x in a.series.filter(ended=False).order_by("id")
        ],
        "public_url": reverse("volunteering:activity", args=[a.pk]) if a.state in {"posted", "ended"} else "",
        "history": desks.history(a),
        "now": now,
    }  # fmt: skip
    return private(render(request, "volunteering/activities/one.html", context, status=status))


def time_row(t: Time, typed: dict[str, forms.Explained], now: dt.datetime) -> tuple[Time, bool, Any, Any]:
    """A shift, whether it can still be changed, and the forms of its acts and places."""
    places = [
        (
            p,
            typed.get(f"places:{p.slot_id}")
            or forms.PlacesForm(initial={"least": p.least, "most": p.most}, auto_id=f"p{p.slot_id}_%s"),
        )
        for p in t.places
    ]
    return t, t.shift.starts > now and t.shift.state == "planned", shift_forms(t.shift, typed), places


def role_form(r: Role, skills: list[tuple[str, str]]) -> forms.RoleForm:
    asked = list(r.skills.all())
    same = {n: getattr(r, n) for n in ("name", "duty", "least", "most", "newcomers", "min_age", "max_age")}
    level = max((x.level for x in asked), default=1)
    return forms.RoleForm(
        skills=skills, prefix=f"role{r.pk}", initial=same | {"skills": [x.skill.key for x in asked], "level": level}
    )


def shift_forms(shift: Shift, typed: dict[str, forms.Explained]) -> list[dict[str, Any]]:
    starts, ends = timezone.localtime(shift.starts), timezone.localtime(shift.ends)
    first = {"move": {"on": starts.date(), "begins": starts.time(), "ends": ends.time()}}
    return [
        {
            "verb": verb, "title": title, "button": button, "open": f"{verb}:{shift.pk}" in typed,
            "form": typed.get(f"{verb}:{shift.pk}") or form(initial=first.get(verb), prefix=f"{verb}{shift.pk}"),
        }
        for verb, (title, button, form) in SHIFT_ACTS.items()
    ]  # fmt: skip


def said_rule(x: Series) -> str:
    """The rule of a series in words: "每周 周六 9:00"."""
    parts = dict(p.split("=", 1) for p in x.rule.split(";"))
    every = int(parts.get("INTERVAL", "1"))
    at = f"{timezone.localtime(x.first):%H:%M}"
    if parts["FREQ"] == "DAILY":
        said = _("every day, %(at)s") if every == 1 else _("every %(n)s days, %(at)s")
        return said % {"n": every, "at": at}
    if parts["FREQ"] == "WEEKLY":
        by = parts.get("BYDAY", series.DAYS[timezone.localtime(x.first).weekday()])
        days = _(", ").join(str(DAYS[str(series.DAYS.index(d))]) for d in by.split(","))
        said = _("every week: %(days)s, %(at)s") if every == 1 else _("every %(n)s weeks: %(days)s, %(at)s")
        return said % {"n": every, "days": days, "at": at}
    first = timezone.localtime(x.first)
    return _("each month as on %(day)s, %(at)s") % {"day": f"{first:%m-%d}", "at": at}


@page("desk/<int:activity_id>/", name="one", needs=EITHER, scope=Scope.AREA)
def one(request: HeliRequest, activity_id: int) -> HttpResponse:
    """One activity for its organisers and for who looks at it: what to do now, what the rules ask, roles, shifts."""
    return one_page(request, desks.one(request.actor, activity_id))


def tried(
    request: HeliRequest, a: Activity, key: str, form: forms.Explained, do: Callable[[], Any], *, part: str = ""
) -> HttpResponse:
    """One act with its form: done and back to the page, or the page with what was typed and what is wrong."""
    status = 400
    if form.is_valid():
        try:
            made = do()
            return private(to_one(made.pk if isinstance(made, Activity) else a.pk, part))
        except NotFound:
            raise
        except HeliError as error:
            form.put(error)
            status = error.status
            a = desks.one(request.actor, a.pk)
    return one_page(request, a, typed={key: form}, status=status)


@page("desk/<int:activity_id>/<slug:verb>/", name="activity_act", needs=EITHER, scope=Scope.AREA, methods=("POST",))
def activity_act(request: HeliRequest, activity_id: int, verb: str) -> HttpResponse:
    """One act on the activity."""
    a = desks.one(request.actor, activity_id)
    if verb not in ACTS:
        raise NotFound
    form = ACTS[verb].form(request.POST, request.FILES, auto_id=f"{verb}_%s")

    def do() -> Any:
        told = dict(form.cleaned_data)
        if verb == "end":
            told["photos"] = request.FILES.getlist("photos")
        if verb == "amend":
            told["version"] = told["version"] or 0
        made = ACTS[verb].do(activity_id=activity_id, by=request.actor, at=timezone.now(), **told)
        if verb == "end":
            said = _("Ended. The reply went out, and the resident judges.") if made.handling_id else _("Ended.")
            messages.success(request, said)
        return made

    return tried(request, a, f"act:{verb}", form, do)


def skill_choices() -> list[tuple[str, str]]:
    return list(Skill.objects.order_by("kind", "name").values_list("key", "name")[:200])


@page("desk/<int:activity_id>/role/new/", name="role_add", needs=Cap.LEAD_TEAM, scope=Scope.OWN_UNIT, methods=("POST",))
def role_add(request: HeliRequest, activity_id: int) -> HttpResponse:
    """Somebody more is looked for."""
    a = desks.one(request.actor, activity_id)
    form = forms.RoleForm(request.POST, skills=skill_choices(), prefix="role")
    return tried(
        request, a, "role", form,
        lambda: role_steps.add_role(activity_id=a.pk, wanted=form.wanted(), by=request.actor, at=timezone.now()), part="#roles",
    )  # fmt: skip


@page("role/<int:role_id>/", name="role_do", needs=Cap.LEAD_TEAM, scope=Scope.OWN_UNIT, methods=("POST",))
def role_do(request: HeliRequest, role_id: int) -> HttpResponse:
    """A role changed, or ended (`act=end`)."""
    role = Role.objects.filter(pk=role_id, activity__in=Activity.objects.visible_to(request.actor)).first()
    if role is None:
        raise NotFound
    a = desks.one(request.actor, role.activity_id)
    say: dict[str, Any] = {"role_id": role_id, "by": request.actor, "at": timezone.now()}
    if request.POST.get("act") == "end":
        empty = forms.NothingForm(request.POST)
        return tried(request, a, "role_end", empty, lambda: role_steps.end_role(**say), part="#roles")
    form = forms.RoleForm(request.POST, skills=skill_choices(), prefix=f"role{role_id}")
    return tried(
        request, a, f"role:{role_id}", form, lambda: role_steps.change_role(wanted=form.wanted(), **say), part="#roles"
    )


# Looking at plans -----------------------------------------------------------------------------------------------------
@page("review/", name="review", needs=Cap.REVIEW_ACTIVITIES, scope=Scope.AREA)
def review(request: HeliRequest) -> HttpResponse:
    """Emergencies nobody has looked at yet, then plans that wait, the oldest first."""
    now = timezone.now()
    rule, _calendar = desks.look_by(request.actor, now)
    context = {
        "now": now,
        "rule": rule,
        "open": desks.emergencies(request.actor, now),
        "worries": concerns_of(request.actor).filter(state="open").count(),
        "page": desks.review(request.actor, after=request.GET.get("after")),
        "home": settings.HELI_HOME_AREA,
    }
    return render(request, "volunteering/activities/review.html", context)
