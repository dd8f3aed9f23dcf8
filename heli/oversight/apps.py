from django.apps import AppConfig


class OversightConfig(AppConfig):
    name = "heli.oversight"
