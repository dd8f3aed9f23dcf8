from django.apps import AppConfig
from django.urls import reverse
from django.utils.translation import gettext_lazy as _


def own_page(request_id: int, token: str) -> str:
    """The resident's page of a wish somebody has looked at; '' otherwise. One statement."""
    from heli.wishes.models import Wish

    known = Wish.objects.filter(request=request_id).exists()
    return reverse("wishes:link", kwargs={"token": token}) if known else ""


class WishesConfig(AppConfig):
    name = "heli.wishes"

    def ready(self) -> None:
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
                follow=own_page,
                follow_words=_("How my wish stands on the wall: did it come, a word of thanks, take it off"),
            )
        )
