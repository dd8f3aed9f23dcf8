from django.apps import AppConfig


class SnapsConfig(AppConfig):
    name = "heli.snaps"
