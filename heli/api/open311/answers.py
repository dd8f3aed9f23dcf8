"""Answers in XML or JSON, in the shape the specification gives; made by ElementTree, never put together as text."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Any
from xml.etree import ElementTree

from django.http import HttpResponse
from django.utils import timezone

XML, JSON = "text/xml; charset=utf-8", "application/json; charset=utf-8"
# What one thing in a list is called
ONE_OF = {
    "services": "service", "attributes": "attribute", "values": "value", "service_requests": "request",
    "endpoints": "endpoint", "formats": "format", "errors": "error",
}  # fmt: skip
NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def moment(at: dt.datetime | None) -> str | None:
    """A time as the specification wants it: ISO 8601 to the second, with its offset."""
    return timezone.localtime(at).replace(microsecond=0).isoformat() if at is not None else None


def element(tag: str, value: Any) -> ElementTree.Element:
    """A value as XML: a dict's keys and a list's things become children; None is an empty element."""
    made = ElementTree.Element(tag)
    if isinstance(value, dict):
        made.extend(element(k, v) for k, v in value.items())
    elif isinstance(value, list):
        made.extend(element(ONE_OF[tag], v) for v in value)
    elif isinstance(value, bool):
        made.text = "true" if value else "false"
    elif value is not None:
        made.text = NO_XML.sub("", str(value))
    return made


def answer(tag: str, value: Any, ending: str, status: int = 200) -> HttpResponse:
    """`value` under its root `tag`; the root stands in XML alone. `ending`: '.json' or anything else for XML."""
    if ending == ".json":
        return HttpResponse(json.dumps(value, ensure_ascii=False), status=status, content_type=JSON)
    raw = ElementTree.tostring(element(tag, value), encoding="utf-8", xml_declaration=True)
    return HttpResponse(raw, status=status, content_type=XML)
