"""Reads of what every room shares."""

from __future__ import annotations

from django.db.models import QuerySet

from heli.core.models import Event


def events_about(subject_type: str, subject_ids: list[int], *, public_only: bool) -> QuerySet[Event]:
    """The timeline of one thing (and of those merged into it), newest first. One statement, index event_subject."""
    found = Event.objects.filter(subject_type=subject_type, subject_id__in=subject_ids).order_by("-at", "-id")
    return found.filter(public=True) if public_only else found
