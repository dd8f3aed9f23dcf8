from django.apps import AppConfig


class PlacesConfig(AppConfig):
    name = "heli.places"

    def ready(self) -> None:
        from heli.core import feeds
        from heli.places.booking_feeds import booking_events

        feeds.register("places.booking", booking_events)
