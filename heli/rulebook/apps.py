from django.apps import AppConfig


class RulebookConfig(AppConfig):
    name = "heli.rulebook"
