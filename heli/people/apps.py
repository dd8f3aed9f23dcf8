from django.apps import AppConfig


class PeopleConfig(AppConfig):
    name = "heli.people"

    def ready(self) -> None:
        from heli.adapters import sms

        sms.refuse_none()
