"""An append-only log that anybody can check: the Merkle tree of RFC 6962, its proofs, and its signed heads.

Layout: C2SP tlog-tiles (tiles of 256 hashes; level 0 holds leaves, level L the roots of full tiles below). A tree is read
through one function, so that it may lie in memory, in files or in a database; nothing that was written changes.
Heads: C2SP tlog-checkpoint in a signed note with Ed25519; witnesses cosign by tlog-cosignature (cosignature/v1).
Sources: RFC 6962 section 2.1; RFC 9162 sections 2.1.3.2 and 2.1.4.2 (verification); c2sp.org/signed-note, /tlog-tiles,
/tlog-checkpoint, /tlog-cosignature.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

WIDTH: Final = 256  # hashes in a full tile
HEIGHT: Final = 8
EMPTY: Final = sha256(b"").digest()
ED25519, COSIGNATURE = 1, 4  # kinds of keys in a signed note

Read = Callable[[int, int, int], Sequence[bytes]]
"""(level, start, stop) → the stored hashes of that level, as many as there are."""


def leaf_hash(data: bytes) -> bytes:
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def tile_path(level: int, n: int, width: int = WIDTH) -> str:
    """tile/0/x001/x234/067, and with .p/5 behind it where the tile is not full."""
    text = f"{n:03d}" if n < 1000 else f"{n:0{-(-len(str(n)) // 3) * 3}d}"
    groups = [text[i : i + 3] for i in range(0, len(text), 3)]
    name = "/".join([*(f"x{g}" for g in groups[:-1]), groups[-1]])
    return f"tile/{level}/{name}" + (f".p/{width}" if width < WIDTH else "")


def _up(hashes: Sequence[bytes]) -> list[bytes]:
    """One level up: the parents of full pairs."""
    return [node_hash(a, b) for a, b in zip(hashes[::2], hashes[1::2], strict=False)]


def _split(n: int) -> int:
    """The largest power of two below n (n > 1)."""
    return 1 << (n - 1).bit_length() - 1


def grow(read: Read, size: int, leaves: Sequence[bytes]) -> list[tuple[int, int, bytes]]:
    """The nodes (level ≥ 1, number, hash) that a tree of `size` gains with these further leaf hashes."""
    made: list[tuple[int, int, bytes]] = []
    level, new = 0, list(leaves)
    while new:
        first = size // WIDTH
        hashes = [*read(level, first * WIDTH, size), *new]
        new = []
        for i in range(0, len(hashes) - WIDTH + 1, WIDTH):
            tile: Sequence[bytes] = hashes[i : i + WIDTH]
            while len(tile) > 1:
                tile = _up(tile)
            made.append((level + 1, first + i // WIDTH, tile[0]))
            new.append(tile[0])
        level, size = level + 1, first
    return made


@dataclass(slots=True)
class Tree:
    """The first `size` leaves of a log. Tiles that were read are kept; make a new one for a larger tree."""

    read: Read
    size: int
    _tiles: dict[tuple[int, int], list[list[bytes]]] = field(default_factory=dict)

    def _node(self, height: int, n: int) -> bytes:
        """The root of the full subtree of 2^height leaves that begins at leaf n·2^height."""
        level, rest = divmod(height, HEIGHT)
        number, place = divmod(n << rest, WIDTH)
        rows = self._tiles.get((level, number))
        if rows is None:
            rows = [list(self.read(level, number * WIDTH, min((number + 1) * WIDTH, self.size >> level * HEIGHT)))]
            while len(rows[-1]) > 1:
                rows.append(_up(rows[-1]))
            self._tiles[level, number] = rows
        return rows[rest][place >> rest]

    def _range(self, start: int, stop: int) -> bytes:
        n = stop - start
        if n & (n - 1) == 0:
            height = n.bit_length() - 1
            return self._node(height, start >> height)
        k = _split(n)
        return node_hash(self._range(start, start + k), self._range(start + k, stop))

    def root(self, size: int | None = None) -> bytes:
        """The head of the first `size` leaves."""
        size = self.size if size is None else size
        if not 0 <= size <= self.size:
            raise ValueError("the log is not that long")
        return self._range(0, size) if size else EMPTY

    def inclusion(self, index: int, size: int | None = None) -> list[bytes]:
        """The proof that leaf `index` is among the first `size`. ValueError: it is not."""
        size = self.size if size is None else size
        if not 0 <= index < size <= self.size:
            raise ValueError("no such leaf")
        path: list[bytes] = []
        start, stop = 0, size
        while stop - start > 1:
            k = start + _split(stop - start)
            if index < k:
                path.append(self._range(k, stop))
                stop = k
            else:
                path.append(self._range(start, k))
                start = k
        return path[::-1]

    def consistency(self, old: int, size: int | None = None) -> list[bytes]:
        """The proof that the first `size` leaves begin with the first `old`. ValueError: old is not from 1 to size."""
        size = self.size if size is None else size
        if not 0 < old <= size <= self.size:
            raise ValueError("no such tree")
        path: list[bytes] = []
        start, stop, whole = 0, size, True
        while old != stop:
            k = start + _split(stop - start)
            if old <= k:
                path.append(self._range(k, stop))
                stop = k
            else:
                path.append(self._range(start, k))
                start, whole = k, False
        return [*([] if whole else [self._range(start, stop)]), *path[::-1]]


def included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the proof shows that this leaf hash has that place in the tree with this root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    fn, sn, r = index, size - 1, leaf
    for p in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == root


def consistent(old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the proof shows that the larger tree begins with the smaller one (RFC 9162, 2.1.4.2)."""
    if not 0 < old <= size:
        return False
    if old == size:
        return not proof and old_root == root
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        return False
    fn, sn = old - 1, size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == old_root and sr == root


# Signed heads ---------------------------------------------------------------------------------------------------------
class BadNote(ValueError):
    """A text that is no signed note, or not signed by whom it should be."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """Whose signatures are believed: a name (no spaces, no plus) and 32 bytes of Ed25519."""

    name: str
    public: bytes
    kind: int = ED25519

    @classmethod
    def read(cls, text: str) -> Verifier:
        """From name+hash+key as verifiers are passed on. Raises BadNote."""
        try:
            name, key_id, key = text.strip().split("+", 2)
            raw = base64.b64decode(key, validate=True)
            made = cls(name, raw[1:], raw[0])
        except (ValueError, IndexError) as error:
            raise BadNote("a verifier is name+hash+key") from error
        if made.kind not in {ED25519, COSIGNATURE} or len(made.public) != 32 or made.key_id.hex() != key_id:
            raise BadNote("the parts of the verifier do not fit each other")
        return made

    @property
    def key_id(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(bytes([self.kind]) + self.public).decode()}"

    def signed(self, text: str, signature: bytes) -> bool:
        """Whether the signature (of a cosigner: 8 bytes of time before it) is theirs under this text."""
        message = text.encode()
        if self.kind == COSIGNATURE:
            message, signature = _cosigned(text, int.from_bytes(signature[:8], "big")), signature[8:]
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature:
            return False
        return True


def _cosigned(text: str, at: int) -> bytes:
    return f"cosignature/v1\ntime {at}\n{text}".encode()


def sign(text: str, name: str, private: bytes, *, cosigned_at: int | None = None) -> str:
    """A signature line under a text that ends with a newline; with `cosigned_at` (seconds) a witness's."""
    key = Ed25519PrivateKey.from_private_bytes(private)
    kind = ED25519 if cosigned_at is None else COSIGNATURE
    who = Verifier(name, key.public_key().public_bytes_raw(), kind)
    at = cosigned_at or 0
    signature = (
        key.sign(text.encode()) if cosigned_at is None else at.to_bytes(8, "big") + key.sign(_cosigned(text, at))
    )
    return f"— {name} {base64.b64encode(who.key_id + signature).decode()}\n"


def open_note(note: str, verifiers: Iterable[Verifier]) -> tuple[str, dict[str, str]]:
    """(text, {name: its signature line} of those verifiers who signed it).

    Raises BadNote: no signed note, or a signature under a known key that does not hold.
    """
    text, blank, lines = note.rpartition("\n\n")
    if not blank or not lines.endswith("\n"):
        raise BadNote("a note is a text, an empty line, and signatures")
    text += "\n"
    known: Mapping[tuple[str, bytes], Verifier] = {(v.name, v.key_id): v for v in verifiers}
    found: dict[str, str] = {}
    for line in lines.removesuffix("\n").split("\n"):
        dash, name, raw = [*line.split(" "), "", ""][:3]
        try:
            signature = base64.b64decode(raw, validate=True)
        except binascii.Error as error:
            raise BadNote("a signature is not base64") from error
        if dash != "—" or not name or len(signature) < 5:
            raise BadNote("this is no signature line")
        if (who := known.get((name, signature[:4]))) is not None:
            if not who.signed(text, signature[4:]):
                raise BadNote(f"the signature of {name} does not hold")
            found[name] = f"{line}\n"
    return text, found


@dataclass(frozen=True, slots=True)
class Head:
    """What a checkpoint says: which log, how long, and its root."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def read(cls, text: str) -> Head:
        """From the text of an opened note; further lines are let stand. Raises BadNote."""
        try:
            origin, size, root, *_more = text.split("\n")
            made = cls(origin, int(size), base64.b64decode(root, validate=True))
        except ValueError as error:
            raise BadNote("this is no checkpoint") from error
        if not origin or str(made.size) != size or made.size < 0 or len(made.root) != 32:
            raise BadNote("this is no checkpoint")
        return made
