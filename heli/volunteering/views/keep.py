"""The keepers' desk: names to check, proofs to look at, what ends soon, somebody registered at the counter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from heli.core import export
from heli.core.actor import Actor
from heli.core.caps import Cap, Scope
from heli.core.errors import HeliError, NotFound
from heli.core.pages import HeliRequest, page
from heli.core.tries import Limit as Tries
from heli.loop.clocks import local_day
from heli.loop.views.public import place_context, private
from heli.rulebook import queries as rulebook
from heli.volunteering.forms import people as forms
from heli.volunteering.models import Field, Limit, Proof, Volunteer
from heli.volunteering.queries import enrol as places
from heli.volunteering.queries import people as reads
from heli.volunteering.queries import teams as team_reads
from heli.volunteering.queries.exchange import shares
from heli.volunteering.steps import exchange
from heli.volunteering.steps import people as steps
from heli.volunteering.steps import proofs as proof_steps
from heli.volunteering.views.people import chosen, first_of, first_proof, week

Words = str | Promise
KEEP = Cap.KEEP_VOLUNTEERS
EXPORT_CAP = "export.row_cap"


def roots_of(actor: Actor) -> list[str]:
    """Areas whose volunteers the actor keeps, the widest first."""
    return sorted(actor.paths(KEEP), key=lambda p: (len(p), p))


@page("keep/", name="keep", needs=KEEP, scope=Scope.AREA)
def keep(request: HeliRequest) -> HttpResponse:
    """What waits first; then all volunteers in sight."""
    return desk_page(request, forms.FindForm())


def desk_page(
    request: HeliRequest, find: forms.FindForm, people: list[Volunteer] | None = None, status: int = 200
) -> HttpResponse:
    now, f, after = timezone.now(), reads.Filters.read(request.GET), request.GET.get("after")
    counts = reads.counts(request.actor, now)
    context: dict[str, Any] = {
        "now": now, "f": f, "query": request.GET.urlencode(), "find": find, "people": people,
        "waiting": [{"key": k, "group": g, "count": counts[k]} for k, g in reads.GROUPS.items() if counts[k]],
        "group": reads.GROUPS.get(f.do),
        "states": [(k, said) for k, (_shape, said) in reads.STATES.items()],
        "fields": Field.choices,
        "narrowed": bool(f.kept()),
    }  # fmt: skip
    if f.do in {"proofs", "ends"}:
        context["proofs"] = reads.proofs_desk(request.actor, f, now, after=after)
    else:
        context["page"] = reads.desk(request.actor, f, after=after).map(
            lambda v: {"v": v, "chip": reads.STATES[v.state]}
        )
    return private(render(request, "volunteering/people/keep.html", context, status=status))


@page("keep/find/", name="keep_find", needs=KEEP, scope=Scope.AREA, methods=("POST",), limit=Tries(120))
def find(request: HeliRequest) -> HttpResponse:
    """By phone number: posted, so that it stands in no address."""
    form = forms.FindForm(request.POST)
    if not form.is_valid():
        return desk_page(request, form, status=400)
    return desk_page(request, form, reads.with_phone(request.actor, form.cleaned_data["phone"]))


@page("keep/export/", name="keep_export", needs=KEEP, scope=Scope.AREA, methods=("POST",))
def keep_export(request: HeliRequest) -> HttpResponse:
    """The list as it is narrowed, as a spreadsheet for a stated purpose; nobody's name in it."""
    now, f = timezone.now(), reads.Filters.read(request.GET)
    path = next(iter(roots_of(request.actor)), "")
    most = int(rulebook.in_force((EXPORT_CAP,), path=path, on=local_day(now))[EXPORT_CAP].value)
    rows = list(reads.found(request.actor, f).order_by("-id")[: most + 1])
    if len(rows) > most:
        raise export.TooManyRows(cap=most)
    purpose = request.POST.get("purpose", "")
    export.take_away(
        name="volunteers", by=request.actor, at=now, purpose=purpose, rows=len(rows), filters=f.kept(), path=path,
        org_id=None, cap=KEEP,
    )  # fmt: skip
    notes = [purpose, _("No personal data is in this file. It was recorded that it was made.")]
    book = export.workbook(_("Volunteers"), reads.columns(), rows, cap=most, notes=notes)
    return export.download(book, f"volunteers-{local_day(now):%Y%m%d}.xlsx")


@page("keep/new/", name="register_for", needs=KEEP, scope=Scope.AREA, methods=("GET", "POST"))
def register_for(request: HeliRequest) -> HttpResponse:
    """Somebody at the counter or on the phone: one page."""
    roots, values, status = roots_of(request.actor), request.POST.dict(), 200
    form = forms.RegisterForForm(initial=values | {"fields_": request.POST.getlist("fields_")})
    if request.method != "POST":
        values = {"area": roots[0] if len(roots) == 1 and len(roots[0]) >= 12 else ""}
    elif values.get("go") == "send":
        form, status = forms.RegisterForForm(request.POST), 400
        if form.is_valid():
            data = form.cleaned_data
            try:
                made = steps.register_for(
                    by=request.actor, at=timezone.now(), area_path=data["area"], name=data["name"],
                    id_number=data["id_number"], phone=data["phone"], fields=data["fields_"], consent=data["consent"],
                    seen_card=data["seen_card"],
                )  # fmt: skip
                messages.success(request, _("Registered. Ask when they can, and what they do not do."))
                return private(redirect("volunteering:kept", made.pk))
            except HeliError as error:
                form.put(error)
                status = error.status
    context = {"form": form, "values": values, **place_context(values, roots, reverse("volunteering:keep_place"))}
    return private(render(request, "volunteering/people/register_for.html", context, status=status))


@page("keep/place/", name="keep_place", needs=KEEP, scope=Scope.AREA, methods=("POST",))
def keep_place(request: HeliRequest) -> HttpResponse:
    """Fragment: where it seems to be, among the areas of this seat."""
    context = place_context(request.POST.dict(), roots_of(request.actor), reverse("volunteering:keep_place"))
    return render(request, "loop/public/_place.html", context)


# One volunteer --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Act:
    """Something a worker can do with a volunteer or a proof: its form and its step."""

    title: Words
    note: Words
    button: Words
    form: type[forms.Explained]
    do: Callable[..., Any]
    states: tuple[str, ...]


ACTS: dict[str, Act] = {
    "verify": Act(
        gettext_lazy("Check the name"), gettext_lazy("Type from the card in your hand; what is stored is not shown."),
        gettext_lazy("Both are as registered"), forms.VerifyForm, steps.verify, ("registered",),
    ),
    "change": Act(
        gettext_lazy("When they can, what they do not do"), gettext_lazy("At their word."),
        pgettext_lazy("volunteer", "Keep it"), forms.WhenForForm, steps.change, ("registered", "verified"),
    ),
    "well": Act(
        gettext_lazy("They say they are well"), gettext_lazy("Their own word of today; nothing else about health is kept."),
        gettext_lazy("Keep their word"), forms.ConsentForm, proof_steps.say_well, ("registered", "verified"),
    ),
    "show": Act(
        gettext_lazy("They show something"), gettext_lazy("A skill, a check of records, an insurance."),
        pgettext_lazy("volunteer", "Keep it"), forms.ShowForForm, proof_steps.show, ("registered", "verified", "paused"),
    ),
    "guardian": Act(
        gettext_lazy("Their guardian"), gettext_lazy("For those under age. Ask the guardian, then confirm it."),
        gettext_lazy("Keep who it is"), forms.GuardianForForm, proof_steps.name_guardian, ("registered", "verified"),
    ),
    "reveal": Act(
        gettext_lazy("See name and number"), gettext_lazy("It is written down that you read it, and what for."),
        gettext_lazy("Show them"), forms.PurposeForm, steps.reveal, ("registered", "verified", "paused"),
    ),
    "share": Act(
        gettext_lazy("They agree that the national system is told"),
        gettext_lazy("Name, identity number and hours. Of a child the guardian says so. Write down how they said yes."),
        pgettext_lazy("volunteer", "Keep it"), forms.ConsentForm, exchange.share, ("registered", "verified"),
    ),
    "stop_sharing": Act(
        gettext_lazy("They take that back"), gettext_lazy("What was not uploaded yet is not told."),
        pgettext_lazy("volunteer", "Keep it"), forms.ConsentForm, exchange.stop_sharing, ("registered", "verified", "paused"),
    ),
    "doubt": Act(
        gettext_lazy("The identity is doubtful"), gettext_lazy("Until it is checked again no shift is open to them."),
        gettext_lazy("Have it checked again"), forms.ReasonForm, steps.doubt, ("verified",),
    ),
    "pause": Act(
        gettext_lazy("Pause"), gettext_lazy("No shift is open to them until you take it back."),
        pgettext_lazy("volunteer", "Pause"), forms.ReasonForm, steps.pause, ("registered", "verified"),
    ),
    "resume": Act(
        gettext_lazy("End the pause"), gettext_lazy("The name is checked once more."),
        pgettext_lazy("volunteer", "End the pause"), forms.NothingForm, steps.resume, ("paused",),
    ),
}  # fmt: skip
PROOF_ACTS: dict[str, Act] = {
    "confirm": Act(
        gettext_lazy("It is right"), gettext_lazy("You looked at it yourself."),
        pgettext_lazy("proof", "It is right"), forms.HowForm, proof_steps.confirm, ("shown",),
    ),
    "refuse": Act(
        gettext_lazy("It does not count"), gettext_lazy("The volunteer reads why and can show another one."),
        pgettext_lazy("proof", "It does not count"), forms.ReasonForm, proof_steps.refuse, ("shown",),
    ),
    "reveal": Act(
        gettext_lazy("See the guardian's number"), gettext_lazy("It is written down that you read it, and what for."),
        gettext_lazy("Show it"), forms.PurposeForm, proof_steps.reveal_guardian, ("shown", "confirmed"),
    ),
    "end": Act(
        gettext_lazy("It ends"), gettext_lazy("Withdrawn by who gave it, or no longer true."),
        pgettext_lazy("proof", "It ends"), forms.ReasonForm, proof_steps.end, ("shown", "confirmed"),
    ),
}  # fmt: skip
Typed = tuple[int, str, forms.Explained]  # proof id or 0, verb, what was typed


@page("keep/<int:volunteer_id>/", name="kept", needs=KEEP, scope=Scope.AREA)
def kept(request: HeliRequest, volunteer_id: int) -> HttpResponse:
    """One volunteer for their community: what to do now, what they showed."""
    return one_page(request, reads.one(request.actor, volunteer_id))


@page("keep/<int:volunteer_id>/<slug:verb>/", name="keep_act", needs=KEEP, scope=Scope.AREA, methods=("POST",))
def keep_act(request: HeliRequest, volunteer_id: int, verb: str) -> HttpResponse:
    """One act; with a mistake the page comes back with what was typed."""
    volunteer = reads.one(request.actor, volunteer_id)
    if verb not in ACTS:
        raise NotFound
    form, status = ACTS[verb].form(request.POST, request.FILES), 400
    if form.is_valid():
        told = dict(form.cleaned_data)
        if isinstance(form, forms.WhenForm):
            told = form.told() | {"consent": told["consent"]}
        elif isinstance(form, forms.ShowForm):
            told = form.told(request.FILES) | {"consent": told["consent"]}
        elif verb == "reveal":
            told["what"] = ("name", "phone")
        try:
            shown = ACTS[verb].do(volunteer_id=volunteer_id, by=request.actor, at=timezone.now(), **told)
            if verb == "reveal":
                return one_page(request, volunteer, revealed=(0, shown))
            return private(redirect("volunteering:kept", volunteer_id))
        except NotFound:
            raise
        except HeliError as error:
            form.put(error)
            status = error.status
            volunteer = reads.one(request.actor, volunteer_id)
    return one_page(request, volunteer, typed=(0, verb, form), status=status)


@page("keep/proofs/<int:proof_id>/<slug:verb>/", name="proof_act", needs=KEEP, scope=Scope.AREA, methods=("POST",))
def proof_act(request: HeliRequest, proof_id: int, verb: str) -> HttpResponse:
    """One act on a proof."""
    proof = reads.proof(request.actor, proof_id)
    volunteer = reads.one(request.actor, proof.volunteer_id)
    if verb not in PROOF_ACTS:
        raise NotFound
    form, status = PROOF_ACTS[verb].form(request.POST), 400
    if form.is_valid():
        try:
            shown = PROOF_ACTS[verb].do(proof_id=proof_id, by=request.actor, at=timezone.now(), **form.cleaned_data)
            if verb == "reveal":
                return one_page(request, volunteer, revealed=(proof_id, shown))
            return private(redirect("volunteering:kept", volunteer.pk))
        except NotFound:
            raise
        except HeliError as error:
            form.put(error)
            status = error.status
    return one_page(request, volunteer, typed=(proof_id, verb, form), status=status)


def one_page(
    request: HeliRequest, volunteer: Volunteer, *, typed: Typed | None = None,
    revealed: tuple[int, dict[str, str]] | None = None, status: int = 200,
) -> HttpResponse:  # fmt: skip
    now = timezone.now()
    proofs = reads.proofs_of(volunteer, local_day(now))
    themself = volunteer.user_id == request.actor.user_id
    first = {"change": first_of(volunteer), "show": first_proof(request, local_day(now))}

    hidden = "share" if shares(volunteer) else "stop_sharing"

    def form_of(of: int, verb: str, act: Act) -> forms.Explained:
        if typed is not None and typed[:2] == (of, verb):
            return typed[2]
        return act.form(initial=first.get(verb, {}) if not of else {}, auto_id=f"{of}_{verb}_%s")

    def acts_of(proof: Proof) -> list[dict[str, Any]]:
        return [
            {
                "verb": verb, "act": act, "form": form_of(proof.pk, verb, act),
                "url": reverse("volunteering:proof_act", args=[proof.pk, verb]),
                "open": typed is not None and typed[:2] == (proof.pk, verb),
            }
            for verb, act in PROOF_ACTS.items()
            if not themself and proof.state in act.states and (verb != "reveal" or proof.guardian_id is not None)
        ]  # fmt: skip

    acts = [
        {
            "verb": verb, "act": act, "form": form_of(0, verb, act),
            "url": reverse("volunteering:keep_act", args=[volunteer.pk, verb]),
            "open": (typed is not None and typed[:2] == (0, verb)) or (verb == "verify" and typed is None),
        }
        for verb, act in ACTS.items()
        if not themself and volunteer.state in act.states and verb != hidden
    ]  # fmt: skip
    change: Any = next((a["form"] for a in acts if a["verb"] == "change"), None)
    context = {
        "v": volunteer, "now": now, "chip": reads.STATES[volunteer.state], "themself": themself,
        "needs": reads.needs(volunteer, proofs, now), "acts": acts,
        "proofs": [{"shown": p, "acts": acts_of(p.proof)} for p in proofs if p.live],
        "past": [p for p in proofs if not p.live], "week": week(chosen(change) if change else volunteer.free),
        "likes": [Field(f).label for f in volunteer.fields], "not_done": [Limit(x).label for x in volunteer.limits],
        "teams": team_reads.belongs(volunteer), "revealed": revealed, "coming": places.coming(volunteer, now),
    }  # fmt: skip
    return private(render(request, "volunteering/people/kept.html", context, status=status))
