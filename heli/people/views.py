"""My information: what is kept about me, who read it, and what I can do about it. All of it about oneself alone."""

from __future__ import annotations

from allauth.account.internal.flows.logout import logout
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from heli.adapters import sms
from heli.core import export, vault
from heli.core.caps import Scope
from heli.core.errors import NotFound
from heli.core.pages import HeliRequest, page
from heli.core.tries import Limit
from heli.people import queries, steps
from heli.people.errors import WrongPassword
from heli.people.forms import CloseForm, ProfileForm

OWN_ROWS = 100_000  # a person's own data is never cut off


@page("", name="me", scope=Scope.SELF)
def me(request: HeliRequest) -> HttpResponse:
    """My account, what is kept, and the last readings."""
    user = queries.own_account(request.actor)
    context = {
        "account": user,
        "last_read": queries.who_read(request.actor, size=3).rows,
        "kept": queries.own_records(request.actor).count(),
    }
    return render(request, "people/me.html", context)


@page("edit/", name="edit", scope=Scope.SELF, methods=("GET", "POST"))
def edit(request: HeliRequest) -> HttpResponse:
    """What to call me, and my name."""
    user = queries.own_account(request.actor)
    name = vault.open_own(user.record)["name"] if user.record else ""
    form = ProfileForm(
        request.POST if request.method == "POST" else None, initial={"call_name": user.call_name, "name": name}
    )
    if request.method == "POST" and form.is_valid():
        now, data = timezone.now(), form.cleaned_data
        if data["call_name"] != user.call_name:
            steps.change_profile(
                user_id=user.pk,
                call_name=data["call_name"],
                language=user.language,
                look=user.look,
                by=request.actor,
                at=now,
            )
        if data["name"] != name:
            steps.change_name(user_id=user.pk, name=data["name"], by=request.actor, at=now)
        messages.success(request, _("Kept."))
        return redirect("people:me")
    return render(request, "people/edit.html", {"form": form})


@page("access/", name="access", scope=Scope.SELF)
def access(request: HeliRequest) -> HttpResponse:
    """谁看过我的信息: every reading of every record of mine."""
    return render(
        request, "people/access.html", {"page": queries.who_read(request.actor, after=request.GET.get("after"))}
    )


@page("kept/", name="kept", scope=Scope.SELF)
def kept(request: HeliRequest) -> HttpResponse:
    """What I told, and when, in full."""
    return render(request, "people/kept.html", {"page": queries.kept(request.actor, after=request.GET.get("after"))})


@page("export/", name="export", scope=Scope.SELF, methods=("POST",), limit=Limit(10))
def export_own(request: HeliRequest) -> HttpResponse:
    """All of it as a file."""
    rows = queries.own_data(request.actor, at=timezone.now())
    columns: list[export.Column[tuple[object, ...]]] = [
        (_("Part"), lambda r: r[0]),
        (_("Item"), lambda r: r[1]),
        (_("Content"), lambda r: r[2]),
        (_("When"), lambda r: r[3]),
    ]
    return export.download(export.workbook(_("My information"), columns, rows, cap=OWN_ROWS), "my-information.xlsx")


@page("sessions/", scope=Scope.SELF)
def sessions(request: HeliRequest) -> HttpResponse:
    """Where I am logged in."""
    rows = queries.own_sessions(request.actor, key=request.session.session_key, at=timezone.now())
    return render(request, "people/sessions.html", {"rows": rows})


@page("sessions/end/", name="sessions_end", scope=Scope.SELF, methods=("POST",))
def end_sessions(request: HeliRequest) -> HttpResponse:
    """Log out elsewhere: one session (`which`), or all others."""
    which, me = request.POST.get("which", ""), request.actor.user_id or 0
    steps.end_sessions(user_id=me, only=which, but=request.session.session_key, by=request.actor, at=timezone.now())
    messages.success(request, _("Logged out there."))
    return redirect("people:sessions")


@page("close/", name="close", scope=Scope.SELF, methods=("GET", "POST"))
def close(request: HeliRequest) -> HttpResponse:
    """Close the account and erase what is personal."""
    form = CloseForm(request.POST if request.method == "POST" else None)
    user = queries.own_account(request.actor)
    if not user.has_usable_password():
        del form.fields["password"]
    if request.method == "POST" and form.is_valid():
        if "password" in form.fields and not user.check_password(form.cleaned_data["password"]):
            form.add_error("password", WrongPassword().words)
        else:
            steps.close_account(user_id=user.pk, by=request.actor, at=timezone.now())
            logout(request)
            messages.success(request, _("Your account is closed and what was personal in it is erased."))
            return redirect("web:home")
    return render(request, "people/close.html", {"form": form})


@page("sms-box/", name="sms_box", scope=Scope.PUBLIC)
def sms_box(request: HeliRequest) -> HttpResponse:
    """The text messages that development did not send; not there in production."""
    sender = sms.sender()
    if not settings.DEBUG or not isinstance(sender, sms.Local):
        raise NotFound
    return render(request, "people/sms_box.html", {"box": list(sender.box), "now": timezone.now()})
