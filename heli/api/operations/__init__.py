"""The operations of /api/v1, by subject: acts (the steps of the loop), reads, lists, link (a resident's own), reference,
people, doors (what everybody may read at the others), places (what sites lend), volunteering (activities). Importing them
declares them."""

from heli.api.operations import (
    acts,
    doors,
    link,
    lists,
    oversee,
    oversight,
    people,
    places,
    public,
    reads,
    reference,
    volunteering,
)

__all__ = [
    "acts",
    "doors",
    "link",
    "lists",
    "oversee",
    "oversight",
    "people",
    "places",
    "public",
    "reads",
    "reference",
    "volunteering",
]
