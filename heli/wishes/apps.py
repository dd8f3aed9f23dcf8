from django.apps import AppConfig


class WishesConfig(AppConfig):
    name = "heli.wishes"

    def ready(self) -> None:
        from django.urls import reverse
        from django.utils.translation import gettext_lazy as _

        from heli.core import subjects
        from heli.loop import ways
        from heli.loop.models import Kind
        from heli.wishes.queries.wall import describe_wishes

        subjects.register("wishes.wish", describe_wishes)
        ways.register(
            ways.Way(
                kind="pledge",
                of=Kind.WISH,
                words=_("Fulfil the wish"),
                note=_("Look in at the home, word it for the wall, and see that it arrives."),
                icon="heart",
                url=lambda code: reverse("wishes:at_home", args=[code]),
            )
        )
