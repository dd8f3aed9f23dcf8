"""The personal data vault: AES-256-GCM fields with key id and rotation, an HMAC blind index for exact look-up,
and a reading that always leaves its trace.

A sealed field is `nonce(12) || ciphertext+tag`; the associated data binds it to its row and its field name, so that a
cipher text moved to another row or column does not open.
Source: NIST SP 800-38D; Personal Information Protection Law art. 6, 51.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import os
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import HeliError, NotFound, PaperMissing
from heli.core.models import Access, VaultRecord
from heli.engines.identifiers import mask_name, mask_phone

T = TypeVar("T")
FIELDS = ("name", "phone", "id_number", "address", "note")


class CannotOpen(HeliError):
    code = "L-501"
    status = 500
    sentence = _("This record cannot be opened with the keys of this machine. Tell your administrator: L-501.")


@lru_cache(maxsize=4)
def _keys(text: str) -> dict[str, bytes]:
    keys = {k: base64.b64decode(v) for k, v in (part.split(":", 1) for part in text.split(","))}
    if not keys or any(len(v) != 32 for v in keys.values()):
        raise ValueError("HELI_VAULT_KEYS holds 'id:base64 of 32 bytes', comma separated")
    return keys


def keys() -> dict[str, bytes]:
    """{key id: 32 bytes}; the first one seals, all of them open."""
    return _keys(settings.HELI_VAULT_KEYS)


def blind(kind: str, value: str) -> bytes:
    """Blind index of a value: keyed, so that a table of all phone numbers cannot be turned back without the key."""
    key = base64.b64decode(settings.HELI_VAULT_INDEX_KEY)
    return hmac.new(key, f"{kind}:{value}".encode(), hashlib.sha256).digest()


def _seal(key: bytes, bound_to: str, value: bytes) -> bytes:
    nonce = os.urandom(12)
    return nonce + AESGCM(key).encrypt(nonce, value, bound_to.encode())


def _unseal(key_id: str, bound_to: str, raw: bytes) -> bytes:
    key = keys().get(key_id)
    if key is None:
        raise CannotOpen
    try:
        return AESGCM(key).decrypt(raw[:12], raw[12:], bound_to.encode())
    except (InvalidTag, ValueError) as error:
        raise CannotOpen from error


def _bond(record: VaultRecord, field: str) -> str:
    return f"{record.uid.hex}:{field}"


def _open(record: VaultRecord, field: str) -> str:
    sealed = getattr(record, field)
    return _unseal(record.key_id, _bond(record, field), bytes(sealed)).decode() if sealed is not None else ""


def seal_bytes(kind: str, value: bytes) -> str:
    """A small secret kept outside the vault's table (a session, the key of a second factor): 'key id:base64'."""
    key_id, key = next(iter(keys().items()))
    return f"{key_id}:{base64.b64encode(_seal(key, kind, value)).decode()}"


def open_bytes(kind: str, sealed: str) -> bytes:
    """What `seal_bytes` was given. Raises CannotOpen (L-501): no such key, another kind, or a changed text."""
    key_id, _colon, text = sealed.partition(":")
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise CannotOpen from error
    return _unseal(key_id, kind, raw)


def seal(
    *,
    name: str = "",
    phone: str = "",
    id_number: str = "",
    address: str = "",
    note: str = "",
    user_id: int | None = None,
) -> VaultRecord:
    """Store personal data; one INSERT. Only masks and blind indexes can be read without `reveal`."""
    record = VaultRecord(user_id=user_id)
    fill(record, name=name, phone=phone, id_number=id_number, address=address, note=note)
    record.save(force_insert=True)
    return record


def fill(record: VaultRecord, **values: str) -> None:
    """Set the given fields of an unsaved or locked record under the present key; the caller saves."""
    key_id, key = next(iter(keys().items()))
    if record.key_id and record.key_id != key_id:
        values = {f: _open(record, f) for f in FIELDS} | values
    record.key_id = key_id
    for field, value in values.items():
        setattr(record, field, _seal(key, _bond(record, field), value.encode()) if value else None)
    if "phone" in values:
        record.phone_index = blind("phone", values["phone"]) if values["phone"] else None
        record.phone_mask = mask_phone(values["phone"]) if values["phone"] else ""
    if "id_number" in values:
        record.id_index = blind("id", values["id_number"]) if values["id_number"] else None
    if "name" in values:
        record.name_mask = mask_name(values["name"]) if values["name"] else ""


def erase(records: QuerySet[VaultRecord], at: dt.datetime) -> int:
    """Forget the content for good; the rows stay, so that their readings can still be shown. Returns how many."""
    empty = dict.fromkeys((*FIELDS, "phone_index", "id_index"))
    return records.filter(erased_at=None).update(**empty, name_mask="", phone_mask="", erased_at=at)


def find_by_phone(phone: str) -> QuerySet[VaultRecord]:
    """Records with exactly this number."""
    return VaultRecord.objects.filter(phone_index=blind("phone", phone))


def reveal(
    record_id: int,
    *,
    fields: Iterable[str],
    by: Actor,
    purpose: str,
    at: dt.datetime,
    about: tuple[str, int] | None = None,
    org_id: int | None = None,
) -> dict[str, str]:
    """Open fields of a record for a stated purpose; writes the Access row first. Call inside a transaction,
    after the caller's query has shown that the actor may see what the record belongs to.

    Returns {field: text}. Raises PaperMissing (L-103) without a purpose, NotFound (L-404) for no such record,
    CannotOpen (L-501) without the key.
    """
    if not purpose.strip():
        raise PaperMissing(field="purpose", paper=_("what you need it for"))
    chosen = [f for f in FIELDS if f in set(fields)]
    record = VaultRecord.objects.filter(pk=record_id).first()
    if record is None:
        raise NotFound
    grant = next((g for g in by.grants if g.org_id == org_id), None) if org_id else by.grant_for(Cap.VIEW_PERSONAL)
    Access.objects.create(
        record=record,
        at=at,
        user_id=by.user_id,
        org_id=org_id or (grant.org_id if grant else None),
        org_name=grant.org_name if grant else "",
        fields=chosen,
        purpose=purpose.strip()[:200],
        subject_type=about[0] if about else "",
        subject_id=about[1] if about else None,
    )
    return {f: _open(record, f) for f in chosen}


def open_own(record: VaultRecord) -> dict[str, str]:
    """A person's own data for their own page, or for sending them a message; leaves no Access row."""
    return {f: _open(record, f) for f in FIELDS}


def derive(record: VaultRecord, field: str, work_out: Callable[[str], T]) -> T:
    """What a machine works out from one field, as an age from an identity number. Nobody reads the field, so it leaves
    no Access row: `work_out` must give back no more than the answer."""
    return work_out(_open(record, field))


def who_read(record_ids: Iterable[int]) -> QuerySet[Access]:
    """Readings of these records, newest first."""
    return Access.objects.filter(record_id__in=list(record_ids)).order_by("-at", "-id")


def rotate(*, batch: int = 500) -> int:
    """Re-seal up to `batch` records that are under an older key; returns how many. Call until it returns 0."""
    current = next(iter(keys()))
    with transaction.atomic():
        old = list(VaultRecord.objects.select_for_update(skip_locked=True).exclude(key_id=current)[:batch])
        for record in old:
            fill(record, **{f: _open(record, f) for f in FIELDS})
            record.save()
    return len(old)
