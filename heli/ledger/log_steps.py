"""Writes about the log that a person makes: a witness's signature under a head."""

from __future__ import annotations

import datetime as dt

from heli.core.actor import Actor
from heli.core.errors import Forbidden
from heli.core.steps import step
from heli.engines import merkle
from heli.engines.merkle import BadNote, Head, Verifier
from heli.ledger import log
from heli.ledger.errors import NotACheckpoint
from heli.ledger.models import Checkpoint, Cosignature, LogKey


def cosign(*, note: str, witness: str, by: Actor, at: dt.datetime) -> Cosignature:
    """Keep a witness's signature under a head of ours, and show it with the head from now on.

    Raises:
        NotACheckpoint: not a head of this log, or not signed by this witness (L-916).
        Forbidden: only the machine's owner does this (L-403).
    """
    if not by.system:
        raise Forbidden
    try:
        who = Verifier.read(witness)
        text, signed = merkle.open_note(note, [*(log.verifier(k) for k in LogKey.objects.all()), who])
        head = Head.read(text)
    except BadNote as error:
        raise NotACheckpoint(why=str(error)) from error
    ours = Checkpoint.objects.filter(size=head.size, root=head.root).order_by("pk").last()
    if ours is None or not ours.note.startswith(f"{text}\n"):
        raise NotACheckpoint(why="it is none of ours")
    if who.name not in signed:
        raise NotACheckpoint(why=f"{who.name} did not sign it")
    with step("log.cosign", by=by, at=at) as s:
        made, _new = Cosignature.objects.get_or_create(
            checkpoint=ours, verifier=str(who), defaults={"line": signed[who.name], "at": at}
        )
        s.about("ledger.checkpoint", ours.pk, "")
        s.record(witness=who.name)
    return made
