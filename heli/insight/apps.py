from django.apps import AppConfig


class InsightConfig(AppConfig):
    name = "heli.insight"

    def ready(self) -> None:
        from heli.core import subjects
        from heli.insight.problem_queries import describe_problems

        subjects.register("insight.problem", describe_problems)
