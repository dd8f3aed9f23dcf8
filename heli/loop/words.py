"""What a search reads of a request, and how the database keeps it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Func

from heli.core.scope import PathField

# Title and text as a search compares them, written by the database with the request: no statement of the application.
KEEP_WORDS = """
INSERT INTO loop_requestwords (request_id, area_path, body)
VALUES (NEW.id, NEW.area_path, heli_folded(NEW.title || E'\\n' || NEW.text))
ON CONFLICT (request_id) DO UPDATE SET area_path = EXCLUDED.area_path, body = EXCLUDED.body;
RETURN NULL;
"""


class RequestWords(models.Model):
    """What a search reads of a request: title and text folded (engines/grams.py), kept by the database.

    A table of its own, because a request is written at every step and its words hardly ever: the index over them, some
    three hundred entries a request, is then written once.
    """

    request = models.OneToOneField(
        "loop.Request", primary_key=True, on_delete=models.CASCADE, related_name="words", db_constraint=False
    )
    area_path = PathField()
    body = models.TextField()

    class Meta:
        indexes: ClassVar[list[Any]] = [
            GinIndex(
                Func(F("body"), F("area_path"), function="heli_grams"),
                name="requestwords_grams",
                gin_pending_list_limit=1024,  # kB waiting to be sorted in: a search reads through them
            ),
        ]

    def __str__(self) -> str:
        return str(self.request_id)
