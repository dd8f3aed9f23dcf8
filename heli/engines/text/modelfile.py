"""A model as bytes: what it is, a header in JSON, arrays of numbers, and a SHA-256 over all of it. Never a pickle.

Layout, little-endian: 8 bytes magic, u32 version, u64 length of the whole file, u32 length of the header, the header
({"kind", "arrays": [[name, type, shape], …], "meta": …}), the arrays one after the other, 32 bytes of digest.
Loading runs no code of the file: it reads numbers of known types and text.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

MAGIC, VERSION = b"HELI\x00TXT", 1
PREFIX = struct.Struct("<8sIQI")
DIGEST = 32
TYPES = ("<f2", "<f4", "<f8", "<u8", "<i8", "<i4", "<u2", "|u1", "|i1")
WHY = {
    "not_a_model": "This file is no model of Heli.",
    "short": "The model file is cut short.",
    "altered": "The model file was altered after it was written.",
    "newer": "The model file was written by a newer version of Heli.",
    "kind": "The model file holds another kind of model.",
}


class BadModel(ValueError):
    """A model file that is not used; `reason` is one of the keys of WHY."""

    def __init__(self, reason: str) -> None:
        super().__init__(WHY[reason])
        self.reason = reason


def write(
    kind: str, meta: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]], *, version: int = VERSION
) -> bytes:
    """The bytes of a model. `meta` is anything JSON can say."""
    listed, body = [], []
    for name, array in arrays.items():
        plain = np.ascontiguousarray(array)
        plain = plain.astype(plain.dtype.newbyteorder("<"), copy=False)
        if plain.dtype.str not in TYPES:
            raise TypeError(f"{name}: {plain.dtype.str} is not written")
        listed.append([name, plain.dtype.str, list(plain.shape)])
        body.append(plain.tobytes())
    header = json.dumps({"kind": kind, "arrays": listed, "meta": meta}, ensure_ascii=False).encode()
    size = PREFIX.size + len(header) + sum(map(len, body)) + DIGEST
    raw = b"".join([PREFIX.pack(MAGIC, version, size, len(header)), header, *body])
    return raw + hashlib.sha256(raw).digest()


def read(raw: bytes, kind: str) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """(meta, arrays) of a model of this kind; the arrays are read-only views. Raises BadModel."""
    if not raw.startswith(MAGIC):
        raise BadModel("short" if raw and MAGIC.startswith(raw) else "not_a_model")
    if len(raw) < PREFIX.size + DIGEST:
        raise BadModel("short")
    _magic, version, size, head = PREFIX.unpack_from(raw)
    if len(raw) < size:
        raise BadModel("short")
    if len(raw) > size or hashlib.sha256(raw[:-DIGEST]).digest() != raw[-DIGEST:]:
        raise BadModel("altered")
    if version > VERSION:
        raise BadModel("newer")
    try:
        header = json.loads(raw[PREFIX.size : PREFIX.size + head])
        if header["kind"] != kind:
            raise BadModel("kind")
        arrays, at = {}, PREFIX.size + head
        for name, typed, shape in header["arrays"]:
            count = int(np.prod(shape, dtype=np.int64))
            if typed not in TYPES or count < 0:
                raise BadModel("altered")
            arrays[name] = np.frombuffer(raw[: size - DIGEST], dtype=typed, count=count, offset=at).reshape(shape)
            at += arrays[name].nbytes
        return header["meta"], arrays
    except (ValueError, KeyError, TypeError) as error:
        raise error if isinstance(error, BadModel) else BadModel("altered") from error
