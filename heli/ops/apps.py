from typing import Any

from django.apps import AppConfig


class OpsConfig(AppConfig):
    name = "heli.ops"

    def ready(self) -> None:
        """Listen to what the account libraries tell of log-ins. Nothing is decided here: it is counted and written down."""
        from axes.signals import user_locked_out
        from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed

        from heli.ops import watch

        pairs: tuple[tuple[Any, Any], ...] = (
            (user_logged_in, watch.logged_in),
            (user_logged_out, watch.logged_out),
            (user_login_failed, watch.login_failed),
            (user_locked_out, watch.locked_out),
        )
        for signal, told in pairs:
            signal.connect(told, dispatch_uid=f"heli.ops.{told.__name__}")
