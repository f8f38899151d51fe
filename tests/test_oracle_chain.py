"""Chains by both readers: whole ones, cut ones, and damaged ones."""

import itertools
import random

import sapwood
from sapwood.errors import BadData
from tests.chain.versions import chain, joined, patches, versions
from tests.oracle.chain import decode_chain, read_chain
from tests.oracle.container import Content
from tests.oracle.reader import Refused


def oracle(data: bytes, base: Content) -> Content | None:
    try:
        return decode_chain(data, base)
    except Refused:
        return None


def ours(data: bytes, base: bytes) -> Content | None:
    try:
        opened = sapwood.open_chain(data)
        opened.verify()
        return opened.apply(base, from_any=True) if opened.links else None
    except BadData:
        return None


def test_both_read_a_chain_from_every_version() -> None:
    assert joined(patches()) == chain()
    made = sapwood.chain_create(patches())
    assert b"".join(p.patch for p in read_chain(chain())[0]) == b"".join(patches())
    for version in versions():
        assert oracle(chain(), version) == made.apply(version, from_any=True) == versions()[-1]
    assert oracle(chain(), b"unknown") is None


def test_both_read_a_chain_from_nothing_and_one_of_folders() -> None:
    first = sapwood.compress(b"first " * 9)
    second = sapwood.diff(b"first " * 9, b"second " * 9, version_counter=300)
    data = joined((first.to_bytes(), second.to_bytes()))
    assert oracle(data, b"first " * 9) == sapwood.open_chain(data).apply(None) == b"second " * 9


def test_both_refuse_every_truncation_and_every_changed_byte() -> None:
    texts = [b"one " * 5, b"two " * 6, b"three " * 7]
    data = joined(tuple(sapwood.diff(a, b).to_bytes() for a, b in itertools.pairwise(texts)))
    opened = sapwood.open_chain(data)
    starts = {6, opened.links[0].end}
    for at in range(len(data)):
        cut = data[:at]
        if at not in starts:
            assert oracle(cut, texts[0]) is None, at
            assert ours(cut, texts[0]) is None, at
        changed = data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]
        assert oracle(changed, texts[0]) is None, at
        assert ours(changed, texts[0]) is None, at
    assert oracle(data, texts[0]) == ours(data, texts[0]) == texts[2]
    for more in (b"\0", b"\0" * 200, b"LINK", b"x" * 200):
        assert oracle(data + more, texts[0]) is None
        assert ours(data + more, texts[0]) is None


def test_both_agree_on_random_damage() -> None:
    data, base = chain(3), versions(3)[0]
    dice = random.Random(4)
    for _ in range(300):
        changed = bytearray(data)
        for _ in range(dice.choice([1, 1, 2, 4])):
            at = dice.randrange(len(changed)) if dice.randrange(2) else dice.randrange(120)
            match dice.randrange(3):
                case 0:
                    changed[at] = dice.choice([0, 1, 127, 128, 255])
                case 1:
                    changed[at:at] = dice.choice([b"\0", b"\xff" * 8])
                case _:
                    del changed[at : at + dice.choice([1, 8])]
        assert (oracle(bytes(changed), base) is None) == (ours(bytes(changed), base) is None)
