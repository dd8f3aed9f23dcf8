"""A wish beside its request, and the pledges that fulfil it. Money is a reference here, never an amount that moves."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.models import VaultRecord
from heli.core.scope import PathField, within
from heli.loop.models import AREA_READERS, Request, Voice, any_path
from heli.orgs.models import Organisation
from heli.places.models import Area
from heli.wishes.states import LIVE, SHOWN

TITLE, WORDS = 30, 300


class Gift(models.TextChoices):
    GOODS = "goods", _("Things")
    TIME = "time", _("Time")
    MONEY = "money", _("Money, by receipt")


# What is promised and received is counted by the database from the pledges of the present round. The wish's row is
# locked first, so that two promises made at once are counted one after the other; more than is needed is refused by
# the constraint on the wish.
COUNT = """
PERFORM 1 FROM wishes_wish WHERE id = NEW.wish_id FOR UPDATE;
UPDATE wishes_wish w SET
  taken = (SELECT coalesce(sum(p.amount), 0) FROM wishes_pledge p
            WHERE p.wish_id = w.id AND p.lap = w.lap AND p.state IN ('promised', 'delivered', 'received')),
  received = (SELECT coalesce(sum(p.amount), 0) FROM wishes_pledge p
               WHERE p.wish_id = w.id AND p.lap = w.lap AND p.state = 'received')
 WHERE w.id = NEW.wish_id;
RETURN NULL;
"""


class WishQuerySet(models.QuerySet["Wish"]):
    def visible_to(self, actor: Actor) -> Self:
        """The whole row, home check included: the unit that keeps it, readers of the area, the resident (link or
        account). What anybody may see is `on_wall`."""
        if actor.system:
            return self
        see = Q(pk__in=[])
        if units := actor.org_ids(Cap.POST_WISHES):
            see |= Q(unit__in=units)
        if paths := any_path(actor, *AREA_READERS):
            see |= within("area_path", paths)
        if actor.voice_id is not None:
            see |= Q(Exists(Voice.objects.filter(pk=actor.voice_id, request=OuterRef("request"))))
        if actor.user_id is not None and not actor.grants:
            see |= Q(Exists(Voice.objects.filter(user=actor.user_id, request=OuterRef("request"))))
        return self.filter(see)

    def on_wall(self) -> Self:
        """What everybody may see: agreed to, published, and its request still a wish that goes on or went well."""
        going = Q(state__in=("open", "pledged"), request__state="handling")
        arrived = Q(
            state__in=("delivered", "fulfilled"),
            request__state__in=("handling", "replied", "closed", "lapsed", "appealed"),
        )
        return self.filter(going | arrived, request__kind="wish", consent_at__isnull=False)


class Wish(models.Model):
    """One wish: what was seen at the home, and what the wall says of it. Who made it is in the request's voices."""

    request = models.OneToOneField(Request, on_delete=models.PROTECT, related_name="wish")
    unit = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+", db_index=False)
    area_path = PathField()
    street = models.ForeignKey(Area, on_delete=models.PROTECT, related_name="+", db_index=False)
    state = models.CharField(max_length=10, default="checked")
    lap = models.PositiveSmallIntegerField(default=1)  # the round of its request; pledges of earlier ones count no more

    visited_on = models.DateField()
    visited_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    seen = models.CharField(max_length=200)  # one sentence for the unit: not on the wall, and no identity in it
    consent_at = models.DateTimeField(null=True)  # the resident agreed that it is shown; null: not, or not any more

    title = models.CharField(max_length=TITLE)
    words = models.CharField(max_length=WORDS)
    gift = models.CharField(max_length=6, choices=Gift.choices)
    needed = models.PositiveIntegerField()
    measure = models.CharField(max_length=8)  # blankets, afternoons, yuan
    keeper = models.CharField(max_length=60, default="")  # for money: the organisation that takes and records it
    taken = models.PositiveIntegerField(default=0)  # both counted by the trigger of Pledge
    received = models.PositiveIntegerField(default=0)
    until = models.DateField()  # the last day it waits on the wall
    made_at = models.DateTimeField()
    opened_at = models.DateTimeField(null=True)  # since when it waits
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=300, default="")
    thanks = models.CharField(max_length=300, default="")  # the resident's words, where they let the givers read them

    objects: ClassVar[Any] = WishQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(needed__gte=1), name="wish_needs_something"),
            models.CheckConstraint(condition=Q(taken__lte=F("needed")), name="wish_not_over_pledged"),
            models.CheckConstraint(condition=Q(received__lte=F("taken")), name="wish_received_was_pledged"),
            models.CheckConstraint(
                condition=~Q(state__in=SHOWN)
                | Q(opened_at__isnull=False)
                & (Q(consent_at__isnull=False) | Q(state__in=("delivered", "fulfilled"))),  # taken off after it came
                name="wish_shown_by_consent",
            ),
            models.CheckConstraint(condition=~Q(gift="money") | ~Q(keeper=""), name="wish_money_has_keeper"),
            models.CheckConstraint(
                condition=~Q(state__in=("pledged", "delivered")) | Q(taken=F("needed")), name="wish_pledged_is_whole"
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["opened_at", "id"], name="wish_waiting", condition=Q(state="open")),
            models.Index(fields=["street", "opened_at", "id"], name="wish_street", condition=Q(state="open")),
            models.Index(
                fields=["-ended_at", "-id"], name="wish_done", condition=Q(state__in=("delivered", "fulfilled"))
            ),
            models.Index(fields=["unit", "state", "-id"], name="wish_unit"),
            models.Index(fields=["until"], name="wish_expiring", condition=Q(state="open")),
            models.Index(fields=["area_path"], name="wish_area"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def left(self) -> int:
        """How many units nobody has promised yet."""
        return self.needed - self.taken


class PledgeQuerySet(models.QuerySet["Pledge"]):
    def given_by(self, actor: Actor) -> Self:
        """One's own promises, and those of the organisations one pledges for."""
        mine = Q(org=None, by=actor.user_id) if actor.user_id is not None else Q(pk__in=[])
        if orgs := actor.org_ids(Cap.PLEDGE):
            mine |= Q(org__in=orgs)
        return self.filter(mine)

    def visible_to(self, actor: Actor) -> Self:
        """The giver's own; for the unit, the readers of the area and the resident those of the wishes they see."""
        if actor.system:
            return self
        wishes = Wish.objects.visible_to(actor).values("pk")
        return self.filter(Q(pk__in=self.model.objects.given_by(actor).values("pk")) | Q(wish__in=wishes))


class Pledge(models.Model):
    """One promise to give a part of a wish, by a person or in the name of an organisation."""

    wish = models.ForeignKey(Wish, on_delete=models.PROTECT, related_name="pledges")
    unit = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")  # the wish's
    area_path = PathField()
    lap = models.PositiveSmallIntegerField()
    org = models.ForeignKey(Organisation, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    record = models.ForeignKey(VaultRecord, on_delete=models.PROTECT, related_name="+")  # how to reach the giver
    gift = models.CharField(max_length=6, choices=Gift.choices)
    amount = models.PositiveIntegerField()
    promised_on = models.DateField()
    state = models.CharField(max_length=10, default="promised")
    form_key = models.UUIDField(null=True, unique=True)
    made_at = models.DateTimeField()
    reminded_at = models.DateTimeField(null=True)
    delivered_on = models.DateField(null=True)
    delivered_how = models.CharField(max_length=200, default="")
    reference = models.CharField(max_length=40, default="")  # number of the receipt of who recorded the money
    photo = models.UUIDField(null=True)
    received_at = models.DateTimeField(null=True)
    received_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    word = models.CharField(max_length=6, default="")  # how the resident said so: visit, phone, link
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=300, default="")

    objects: ClassVar[Any] = PledgeQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(amount__gte=1), name="pledge_gives_something"),
            models.CheckConstraint(
                condition=~Q(gift="money", state__in=("delivered", "received")) | ~Q(reference=""),
                name="pledge_money_by_receipt",
            ),
            models.CheckConstraint(
                condition=~Q(state="received")
                | Q(delivered_on__isnull=False, received_at__isnull=False, word__in=("visit", "phone", "link")),
                name="pledge_received_by_both",
            ),
            models.CheckConstraint(condition=Q(state__in=LIVE) | ~Q(end_reason=""), name="pledge_ended_with_reason"),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["by", "-id"], name="pledge_by"),
            models.Index(fields=["org", "-id"], name="pledge_org", condition=Q(org__isnull=False)),
            models.Index(fields=["promised_on"], name="pledge_due", condition=Q(state="promised")),
        ]
        triggers: ClassVar[list[Any]] = [
            pgtrigger.Trigger(
                name="count", operation=pgtrigger.Insert | pgtrigger.Update, when=pgtrigger.After, func=COUNT
            ),
            pgtrigger.ReadOnly(name="as_promised", fields=["wish", "org", "by", "gift", "amount", "lap", "made_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.state}"
