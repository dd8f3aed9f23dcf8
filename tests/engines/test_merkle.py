"""The log's tree beside the RFC's recursion and Certificate Transparency's vectors; its heads beside forged ones."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from heli.engines import merkle
from heli.engines.merkle import BadNote, Head, Tree, Verifier, consistent, grow, included, leaf_hash

# The eight leaves of Certificate Transparency's own tests (merkletree/merkle_tree_test.cc), and the roots of the first n
INPUTS = [bytes.fromhex(x) for x in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657",
                                     "606162636465666768696a6b6c6d6e6f")]  # fmt: skip
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
INCLUSION = (  # (leaf, size, path): also from there
    (5, 8, ["bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"]),
    (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
)  # fmt: skip
CONSISTENCY = (
    (6, 8, ["0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"]),
    (2, 5, ["5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"]),
)  # fmt: skip


class Store:
    """Hashes of each level, in memory."""

    def __init__(self, leaves: Sequence[bytes], *, steps: Sequence[int] = ()) -> None:
        self.levels: dict[int, list[bytes]] = {0: []}
        rest = list(leaves)
        for n in [*steps, len(rest)]:
            self.add(rest[:n])
            rest = rest[n:]

    def add(self, leaves: Sequence[bytes]) -> None:
        made = grow(self.read, len(self.levels[0]), leaves)
        self.levels[0] += leaves
        for level, n, node in made:
            row = self.levels.setdefault(level, [])
            assert n == len(row)
            row.append(node)

    def read(self, level: int, start: int, stop: int) -> Sequence[bytes]:
        return self.levels.get(level, [])[start:stop]

    def tree(self) -> Tree:
        return Tree(self.read, len(self.levels[0]))


def naive(leaves: Sequence[bytes]) -> bytes:
    """MTH as RFC 6962 writes it."""
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + naive(leaves[:k]) + naive(leaves[k:])).digest()


def test_the_vectors_of_certificate_transparency() -> None:
    tree = Store([leaf_hash(x) for x in INPUTS]).tree()
    assert [tree.root(n).hex() for n in range(1, 9)] == list(ROOTS)
    assert tree.root(0).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    for index, size, path in INCLUSION:
        assert [p.hex() for p in tree.inclusion(index, size)] == path
    for old, size, path in CONSISTENCY:
        assert [p.hex() for p in tree.consistency(old, size)] == path


@given(st.lists(st.integers(0, 700), min_size=1, max_size=4), st.data())
@settings(max_examples=40, deadline=None)
def test_trees_grown_in_any_steps_are_the_rfcs_and_prove_it(steps: list[int], data: st.DataObject) -> None:
    leaves = [leaf_hash(i.to_bytes(4, "big")) for i in range(sum(steps) + 1)]
    tree = Store(leaves, steps=steps).tree()
    size = data.draw(st.integers(1, len(leaves)))
    old, index = data.draw(st.integers(1, size)), data.draw(st.integers(0, size - 1))
    root, old_root = tree.root(size), tree.root(old)
    assert (root, old_root) == (naive(leaves[:size]), naive(leaves[:old]))
    path, grown = tree.inclusion(index, size), tree.consistency(old, size)
    assert included(leaves[index], index, size, path, root)
    assert consistent(old, old_root, size, root, grown)
    wrong = bytes(32)
    assert not included(wrong, index, size, path, root)
    assert not included(leaves[index], index, size, path, wrong)
    assert not included(leaves[index], index, size, [*path, wrong], root)
    assert size == 1 or not included(leaves[index], (index + 1) % size, size, path, root)
    assert not consistent(old, wrong, size, root, grown)
    assert not consistent(old, old_root, size, wrong, grown)
    assert not consistent(old, old_root, size, root, [*grown, wrong])


def test_a_full_tile_is_one_node_of_the_level_above() -> None:
    leaves = [leaf_hash(i.to_bytes(4, "big")) for i in range(256 * 256 + 300)]
    store = Store(leaves, steps=[255, 1, 70])
    assert [len(store.levels[n]) for n in (0, 1, 2)] == [65836, 257, 1]
    assert store.levels[2][0] == store.tree().root(65536) == naive(leaves[:65536])


@pytest.mark.parametrize(
    ("level", "n", "width", "path"),
    [
        (0, 0, 256, "tile/0/000"),
        (1, 67, 5, "tile/1/067.p/5"),
        (0, 1234067, 256, "tile/0/x001/x234/067"),
        (2, 1000, 1, "tile/2/x001/000.p/1"),
    ],
)
def test_tiles_lie_where_the_specification_says(level: int, n: int, width: int, path: str) -> None:
    assert merkle.tile_path(level, n, width) == path


OURS, THEIRS = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))
HEAD = Head("heli.example/log", 8, bytes.fromhex(ROOTS[7]))


def verifier(key: Ed25519PrivateKey, name: str, kind: int = merkle.ED25519) -> Verifier:
    return Verifier(name, key.public_key().public_bytes_raw(), kind)


def test_a_head_is_signed_and_cosigned() -> None:
    note = f"{HEAD.text}\n" + merkle.sign(HEAD.text, HEAD.origin, bytes([1]) * 32)
    note += merkle.sign(HEAD.text, "witness.example/w", bytes([2]) * 32, cosigned_at=1_796_000_000)
    both = (verifier(OURS, HEAD.origin), verifier(THEIRS, "witness.example/w", merkle.COSIGNATURE))
    text, who = merkle.open_note(note, [Verifier.read(str(v)) for v in both])
    assert Head.read(text) == HEAD and set(who) == {HEAD.origin, "witness.example/w"}
    assert merkle.open_note(note, [verifier(THEIRS, HEAD.origin)])[1] == {}  # not a key we know: no signature of theirs
    for bad in (note.replace("\n8\n", "\n9\n"), note.replace("\n\n", "\n"), note[:-1], note + "x\n"):
        with pytest.raises(BadNote):
            merkle.open_note(bad, both)


@pytest.mark.parametrize(
    "text", ["", "a\n8\n", "a\n08\nAAAA\n", "a\n-1\n" + "A" * 43 + "=\n", "\n1\n" + "A" * 43 + "=\n"]
)
def test_what_is_no_checkpoint_is_not_taken_for_one(text: str) -> None:
    with pytest.raises(BadNote):
        Head.read(text)


def test_the_key_of_the_specifications_example() -> None:
    """PeterNeumann of golang.org/x/mod/sumdb/note."""
    text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    assert str(Verifier.read(text)) == text
    note = (
        "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    )
    assert set(merkle.open_note(note, [Verifier.read(text)])[1]) == {"PeterNeumann"}
