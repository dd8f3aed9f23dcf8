"""Text messages of a measured server: rendered like real ones, sent to nobody."""

from __future__ import annotations


class Silent:
    """A Sender that keeps nothing."""

    def send(self, phone: str, _template: str, _values: dict[str, str]) -> None:
        if not phone:
            raise ValueError("no number")
