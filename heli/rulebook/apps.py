from django.apps import AppConfig


class RulebookConfig(AppConfig):
    name = "heli.rulebook"

    def ready(self) -> None:
        from heli.core import asking
        from heli.rulebook.queries import in_force, on_the_day

        asking.answer(in_force=in_force, today=on_the_day)
