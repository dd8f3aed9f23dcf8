"""Sessions as stored in the database: sealed, since a sign-up under way holds a phone number."""

from __future__ import annotations

import json
from typing import Any

from heli.core import vault


class SealedSerializer:
    """Named in SESSION_SERIALIZER. One that cannot be opened (an old key) counts as none: the person logs in again."""

    def dumps(self, obj: Any) -> bytes:
        return vault.seal_bytes("session", json.dumps(obj, separators=(",", ":")).encode()).encode()

    def loads(self, data: bytes) -> Any:
        return json.loads(vault.open_bytes("session", data.decode()))
