"""Golden blocks and patches decode to the recorded digests, by C and by the oracle, for ever."""

import json
from typing import Any

import pytest
from blake3 import blake3

import sapwood
from sapwood.codec.block import Block, Codec
from sapwood.codec.decode import decode_block, decode_factors
from sapwood.codec.element import Element
from tests.golden.make_golden import FOLDER, LIST
from tests.oracle.any_device import ELEMENTS_OF_DEVICES
from tests.oracle.blocks import decode_block as decode_by_oracle
from tests.oracle.container import decode_patch
from tests.oracle.predicted import Factors

CASES: dict[str, dict[str, Any]] = json.loads(LIST.read_text(encoding="utf-8"))


def _read(name: str, part: str) -> bytes:
    path: str = CASES[name][part]
    return (FOLDER / path).read_bytes()


def _digest(data: object) -> str:
    assert isinstance(data, bytes)
    return blake3(data).hexdigest()


def test_every_codec_and_element_has_golden_blocks() -> None:
    blocks = [facts for facts in CASES.values() if facts["kind"] == "block"]
    # FACTORS makes nothing of its own: it goes with the block that needs it.
    with_factors = {"FACTORS"} if any("factors" in facts for facts in blocks) else set()
    assert {facts["codec"] for facts in blocks} | with_factors == {c.name for c in Codec}
    for codec in ("numeric", "adaptive"):
        for element in Element:
            for kind in ("raw", "base"):
                assert f"{codec}_{element.name.lower()}_{kind}" in CASES
    for element in ELEMENTS_OF_DEVICES:
        assert f"device_{element.name.lower()}_0" in CASES


def test_no_file_is_left_over() -> None:
    parts = ("payload", "base", "also", "target", "factors")
    named = {facts[part] for facts in CASES.values() for part in parts if part in facts}
    assert named == {path.name for path in FOLDER.glob("*.bin")}


@pytest.mark.parametrize("name", CASES)
def test_targets_are_what_their_digests_say(name: str) -> None:
    assert _digest(_read(name, "target")) == CASES[name]["digest"]


@pytest.mark.parametrize("name", [n for n, facts in CASES.items() if facts["kind"] == "block"])
def test_both_decode_golden_blocks(name: str) -> None:
    facts, payload, base = CASES[name], _read(name, "payload"), _read(name, "base")
    codec, length = Codec[facts["codec"]], facts["length"]
    span = tuple(facts["span"]) if facts["span"] else None
    block = Block(codec, length, payload, span)
    ours, theirs = None, Factors()
    if "factors" in facts:
        given = _read(name, "factors")
        ours = decode_factors(Block(Codec.FACTORS, 0, given), None)
        theirs.read(given)
    pieces = decode_block(block, len(base), lambda at, size: memoryview(base)[at : at + size], ours)
    assert _digest(b"".join(pieces)) == facts["digest"]
    assert _digest(decode_by_oracle(codec, payload, length, base, span, factors=theirs)) == facts["digest"]


@pytest.mark.parametrize("name", [n for n, facts in CASES.items() if facts["kind"] == "patch"])
def test_both_decode_golden_patches(name: str) -> None:
    patch, base = _read(name, "payload"), _read(name, "base")
    also = _read(name, "also") if "also" in CASES[name] else None
    assert _digest(sapwood.apply(base, patch, also=also)) == CASES[name]["digest"]
    assert _digest(decode_patch(patch, base, also)) == CASES[name]["digest"]
