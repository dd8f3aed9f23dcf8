from django.apps import AppConfig


class SuggestionsConfig(AppConfig):
    name = "heli.suggestions"
