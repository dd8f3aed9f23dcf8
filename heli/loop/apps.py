from django.apps import AppConfig


class LoopConfig(AppConfig):
    name = "heli.loop"

    def ready(self) -> None:
        from heli.core import subjects
        from heli.loop.queries.public import describe_requests

        subjects.register("loop.request", describe_requests)
