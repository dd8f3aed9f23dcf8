"""The life of a notice."""

from __future__ import annotations

from heli.core.caps import Cap, Scope
from heli.core.states import Lifecycle, arrow

NOTICE = Lifecycle(
    "notice",
    arrow("publish", "draft", "published", Cap.PUBLISH_NOTICES),
    arrow("withdraw", "published", "withdrawn", Cap.PUBLISH_NOTICES, papers="reason"),
    arrow("replace", "published", "replaced", None, Scope.SYSTEM),  # by the publishing of its next version
)
