from django.apps import AppConfig


class VolunteeringConfig(AppConfig):
    name = "heli.volunteering"

    def ready(self) -> None:
        from heli.core import subjects
        from heli.people import closing
        from heli.volunteering.queries.people import describe_volunteers
        from heli.volunteering.steps.people import account_closes

        subjects.register("volunteering.volunteer", describe_volunteers)
        closing.register(account_closes)
