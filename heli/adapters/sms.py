"""Text messages: verification codes and news of a request.

A sender is a class named in HELI_SMS_SENDER as "module:Class", made once without arguments; it reads its own account
from the environment. `Gateway` hands messages to the office's own gateway. Without a sender, development keeps the last
messages in memory for a DEBUG-only page, and production does not start: a person could neither sign up nor get back
into an account.
"""

from __future__ import annotations

import datetime as dt
import http.client
import json
import logging
import os
import urllib.request
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from typing import Literal, Protocol

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from heli.core.errors import HeliError

log = logging.getLogger("heli.sms")
SECONDS = 8  # a person waits for this
Template = Literal["code", "has_account", "news"]


class NotSent(HeliError):
    """The carrier did not take the message; nothing was sent."""

    code = "L-531"
    status = 503
    sentence = _("The text message was not sent: the carrier did not take it. Try again in a minute.")


class Sender(Protocol):
    """Sends one text message by a template that the carrier has approved (free text is not allowed in China)."""

    def send(self, phone: str, template: Template, values: Mapping[str, str], key: str = "") -> None:
        """`phone`: 11 digits; `values`: what the template's slots hold; `key`: the same for the same message, when it
        is sent again because nobody knows whether it went out. Raises NotSent (L-531)."""
        ...


@dataclass(frozen=True, slots=True)
class Message:
    """A message that would have been sent."""

    at: dt.datetime
    phone: str
    template: Template
    values: Mapping[str, str]
    key: str = ""


@dataclass(slots=True)
class Local:
    """Keeps the last messages of this process in memory, newest first; nothing is written to a log or a disk."""

    box: deque[Message] = field(default_factory=lambda: deque(maxlen=50))

    def send(self, phone: str, template: Template, values: Mapping[str, str], key: str = "") -> None:
        if not key or all(m.key != key for m in self.box):
            self.box.appendleft(Message(timezone.now(), phone, template, dict(values), key))


class Gateway:
    """Posts each message as JSON to HELI_SMS_URL, with HELI_SMS_TOKEN as a bearer token:

        {"phone": "13912345678", "template": "news", "values": {…}, "key": "tell:81:7"}

    Any answer of 2xx means that the carrier took it. The gateway keeps the approved texts of the templates. A message
    may come twice with the same `key` (also in the header Idempotency-Key), when this machine died between sending it
    and writing that down: the gateway sends it once. Messages a person waits for (codes) have no key.
    """

    def __init__(self) -> None:
        self.url = os.environ.get("HELI_SMS_URL", "")
        self.token = os.environ.get("HELI_SMS_TOKEN", "")
        if not self.url.startswith(("http://", "https://")):
            raise ImproperlyConfigured("HELI_SMS_URL must hold the address of the text message gateway.")

    def send(self, phone: str, template: Template, values: Mapping[str, str], key: str = "") -> None:
        said = {"phone": phone, "template": template, "values": dict(values)} | ({"key": key} if key else {})
        body = json.dumps(said).encode()
        request = urllib.request.Request(self.url, data=body, method="POST")
        request.add_header("Content-Type", "application/json")
        if key:
            request.add_header("Idempotency-Key", key)
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        try:
            urllib.request.urlopen(request, timeout=SECONDS).close()
        except (OSError, http.client.HTTPException) as error:
            log.error("the text message gateway did not take a message: %s", type(error).__name__)
            raise NotSent from error


@lru_cache(maxsize=4)
def _make(name: str) -> Sender:
    module, _colon, attribute = name.partition(":")
    try:
        made: Sender = getattr(import_module(module), attribute)()
    except (ImportError, AttributeError, ValueError) as error:
        raise ImproperlyConfigured(f"HELI_SMS_SENDER={name!r} is no 'module:Class': {error}") from error
    return made


def sender() -> Sender:
    """The sender of this installation."""
    return _make(settings.HELI_SMS_SENDER)


def refuse_none() -> None:
    """Called at start. Raises ImproperlyConfigured: no sender, or none that sends, while HELI_DEBUG is off."""
    if not settings.DEBUG and (not settings.HELI_SMS_SENDER or isinstance(sender(), Local)):
        raise ImproperlyConfigured("HELI_SMS_SENDER must name a sender ('module:Class') when HELI_DEBUG is off.")
    sender()
