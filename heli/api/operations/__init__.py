"""The operations of /api/v1, by subject: acts (the steps of the loop), reads, lists, link (a resident's own), reference,
people. Importing them declares them."""

from heli.api.operations import acts, link, lists, oversee, oversight, people, public, reads, reference

__all__ = ["acts", "link", "lists", "oversee", "oversight", "people", "public", "reads", "reference"]
