from django.apps import AppConfig


class OrgsConfig(AppConfig):
    name = "heli.orgs"

    def ready(self) -> None:
        from heli.core import subjects
        from heli.orgs.queries import describe_orgs, find_orgs

        subjects.register("orgs.organisation", describe_orgs, find_orgs)
