"""`{% load people %}`: numbers as they may be shown."""

from __future__ import annotations

from django import template
from django.conf import settings
from django.urls import reverse

from heli.adapters import sms
from heli.engines.identifiers import mask_phone

register = template.Library()


@register.filter
def masked(phone: str | None) -> str:
    """'13912345678' → '139****5678'."""
    return mask_phone(phone) if phone else ""


@register.simple_tag
def local_box() -> str:
    """Where messages that were not sent can be read; '' outside development."""
    return reverse("people:sms_box") if settings.DEBUG and isinstance(sms.sender(), sms.Local) else ""
