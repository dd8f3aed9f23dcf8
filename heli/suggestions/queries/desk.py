"""The keeper's desk."""

from __future__ import annotations

from django.urls import reverse

from heli.core.actor import Actor
from heli.core.subjects import Subject
from heli.suggestions.models import Call


def describe_calls(ids: list[int], actor: Actor) -> dict[int, Subject]:
    """Titles and links of calls (core.subjects). One statement."""
    rows = Call.objects.visible_to(actor).filter(pk__in=ids)
    return {c.pk: Subject(c.title, reverse("suggestions:call", kwargs={"call_id": c.pk})) for c in rows}
