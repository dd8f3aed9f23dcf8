from django.apps import AppConfig
from django.urls import reverse
from django.utils.translation import gettext_lazy as _


def own_page(request_id: int, token: str) -> str:
    """Where a suggester goes on with a suggestion that has its row; '' otherwise. One statement."""
    from heli.suggestions.models import Suggestion

    known = Suggestion.objects.filter(pk=request_id).exists()
    return reverse("suggestions:own", kwargs={"token": token}) if known else ""


class SuggestionsConfig(AppConfig):
    name = "heli.suggestions"

    def ready(self) -> None:
        from heli.core import subjects
        from heli.loop import ways
        from heli.loop.models import Kind
        from heli.loop.queries.parts import register_titles
        from heli.suggestions.queries.desk import describe_calls
        from heli.suggestions.steps.answer import KIND
        from heli.suggestions.words import TITLES

        ways.register(
            ways.Way(
                kind=KIND,
                of=Kind.SUGGESTION,
                words=_("Answer the suggestion"),
                note=_("Say whether it is adopted, why, and what will be done by when."),
                icon="bulb",
                url=lambda code: reverse("suggestions:answer", kwargs={"code": code}),
                instead=True,
                follow=own_page,
                follow_words=_("Correct it, add to it, show your name or not"),
            )
        )
        subjects.register("suggestions.call", describe_calls)
        register_titles(TITLES)
