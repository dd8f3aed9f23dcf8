from django.apps import AppConfig


class OrgsConfig(AppConfig):
    name = "heli.orgs"

    def ready(self) -> None:
        from heli.core import asking, subjects
        from heli.orgs.queries import actor_for, describe_orgs, find_orgs

        asking.answer(actor_for=actor_for)
        subjects.register("orgs.organisation", describe_orgs, find_orgs)
