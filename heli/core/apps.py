from django.apps import AppConfig
from django.db.models.signals import post_migrate


class CoreConfig(AppConfig):
    name = "heli.core"

    def ready(self) -> None:
        from heli.core import checks as checks
        from heli.core import dbroles

        # Not a business flow: after each migration the owner grants the application's role what it may do.
        post_migrate.connect(dbroles.grant_to_app, dispatch_uid="heli.core.dbroles")
