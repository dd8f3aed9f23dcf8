from django.apps import AppConfig


class OversightConfig(AppConfig):
    name = "heli.oversight"

    def ready(self) -> None:
        from heli.core import subjects
        from heli.oversight.queries import describe_tips

        subjects.register("oversight.tip", describe_tips)
