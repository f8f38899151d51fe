"""Guards: from a model or from the caller, in the manifest, and against the facts of a device."""

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import sapwood
from sapwood.codec.varint import ByteReader, put_bytes, put_unsigned
from sapwood.errors import (
    BadSignature,
    CorruptPatch,
    GuardrailRefused,
    LimitExceeded,
    MissingInput,
    WrongCall,
)
from sapwood.patch import limits
from sapwood.patch.guard import Guard, read_guards, write_guards
from sapwood.patch.guardrails import check_guards, describe_guards, guards_of_values
from tests.oracle.container import decode_patch
from tests.oracle.reader import Refused
from tests.patch import seal

TFLITE = Path(__file__).parents[2] / "bench" / "corpus" / "tflite"
OLD, NEW = (TFLITE / f"my_cnn_lastlayer.{which}.tflite" for which in ("old", "new"))
VALUES: dict[str, object] = {
    "arena_bytes": 20_000,
    "runtime_abi": "tflm-7",
    "operator_set": "0011223344556677",
    "io_schema": "8899aabbccddeeff",
    "family": "cnn",
    "model_version": "1.2",
    "257": "0a0b",
    "258": "",
}
FACTS = {key: value for key, value in VALUES.items() if key not in ("model_version", "258")}


@pytest.fixture(scope="module")
def patch() -> sapwood.Patch:
    return sapwood.diff(b"base", b"target", guardrails=VALUES)


def refused(patch: sapwood.Patch, facts: dict[str, Any]) -> GuardrailRefused:
    with pytest.raises(GuardrailRefused) as caught:
        sapwood.apply(b"base", patch, device=facts)
    return caught.value


def test_values_come_back(patch: sapwood.Patch) -> None:
    assert describe_guards(patch.manifest.guardrails) == VALUES
    assert decode_patch(patch.to_bytes(), b"base") == b"target"


def test_a_device_that_fits_is_served(patch: sapwood.Patch) -> None:
    assert sapwood.apply(b"base", patch, device=FACTS) == b"target"
    roomy = {**FACTS, "arena_bytes": 20_001, "family": ["mlp", "cnn"], "900": "ff"}
    assert sapwood.apply(b"base", patch, device=roomy) == b"target"


def test_a_machine_that_is_no_device_does_not_check(patch: sapwood.Patch) -> None:
    assert sapwood.apply(b"base", patch) == b"target"


@pytest.mark.parametrize("key", FACTS)
def test_what_does_not_fit_or_is_not_told_is_refused(patch: sapwood.Patch, key: str) -> None:
    wrong = 19_999 if key == "arena_bytes" else "cnn2" if key in ("family", "runtime_abi") else "00" * 8
    error = refused(patch, {**FACTS, key: wrong})
    assert "not for this device" in error.message
    assert str(wrong) in str(error.found)
    error = refused(patch, {k: v for k, v in FACTS.items() if k != key})
    assert f"does not tell its {key}" in error.message


def test_an_unknown_critical_guard_is_refused_and_another_passed_over() -> None:
    for kind in (11, 12, 259, 260):
        if kind & 1:
            with pytest.raises(GuardrailRefused):
                check_guards([Guard(kind, b"x")], FACTS)
        else:
            check_guards([Guard(kind, b"x")], FACTS)


def test_a_signature_covers_the_guards(patch: sapwood.Patch) -> None:
    key = Ed25519PrivateKey.generate()
    signed = sapwood.diff(b"base", b"target", guardrails=VALUES, key=key)
    assert signed.manifest.guardrails == patch.manifest.guardrails
    assert sapwood.apply(b"base", signed, device=FACTS, verify_key=key.public_key()) == b"target"
    data = signed.to_bytes()
    _, body, _ = seal.manifest_body(data)
    loosened = seal.with_manifest(data, bytes(body).replace(b"tflm-7", b"tflm-8"))
    with pytest.raises(BadSignature):
        sapwood.apply(b"base", loosened, device=FACTS, verify_key=key.public_key())
    # Signing anew keeps them.
    assert sapwood.sign(patch, key).manifest.guardrails == patch.manifest.guardrails


@pytest.mark.parametrize(
    "values",
    [
        {"arena": 1},
        {"11": "00"},
        {"0x101": "00"},
        {"arena_bytes": -1},
        {"arena_bytes": "many"},
        {"arena_bytes": True},
        {"arena_bytes": 1 << 64},
        {"operator_set": "00"},
        {"operator_set": "no hexadecimal"},
        {"family": 3},
        {"257": 5},
        {"257": "0"},
        {"family": "x" * (limits.MAX_GUARD + 1)},
    ],
)
def test_wrong_values(values: dict[str, object]) -> None:
    with pytest.raises(WrongCall):
        sapwood.diff(b"base", b"target", guardrails=values)
    with pytest.raises(WrongCall):
        check_guards((), values)


@pytest.mark.parametrize("text", ["", "[]", "{", "1", "[" * 100_000])
def test_facts_that_are_no_object(patch: sapwood.Patch, tmp_path: Path, text: str) -> None:
    (tmp_path / "facts.json").write_text(text)
    with pytest.raises(WrongCall):
        sapwood.apply(b"base", patch, device=tmp_path / "facts.json")
    with pytest.raises(MissingInput):
        sapwood.apply(b"base", patch, device=tmp_path / "none.json")
    with pytest.raises(WrongCall, match="regular"):
        sapwood.apply(b"base", patch, device="/dev/zero")


@pytest.mark.parametrize(
    "guards",
    [
        [(3, b"a"), (3, b"b")],
        [(3, b"a"), (1, b"\x01")],
        [(1, b"")],
        [(1, b"\x01\x01")],
        [(5, bytes(7))],
        [(7, bytes(9))],
        [(9, b"\xff")],
        [(2, b"\xff")],
        [(301, bytes(limits.MAX_GUARD + 1))],
        [(1000 + i, b"") for i in range(limits.MAX_GUARDS + 1)],
    ],
)
def test_malformed_records_are_refused_by_both(patch: sapwood.Patch, guards: list[tuple[int, bytes]]) -> None:
    record = bytearray()
    for kind, content in guards:
        put_unsigned(record, kind)
        put_bytes(record, content)
    with pytest.raises((CorruptPatch, LimitExceeded)):
        read_guards(ByteReader(bytes(record)))
    _, body, _ = seal.manifest_body(patch.to_bytes())
    good = write_guards(patch.manifest.guardrails)
    head = bytes(body)[: bytes(body).index(good)]
    out = bytearray(head[: head.rindex(b"\x11")])
    put_unsigned(out, 17)
    put_bytes(out, bytes(record))
    other = seal.with_manifest(patch.to_bytes(), bytes(out))
    with pytest.raises((CorruptPatch, LimitExceeded)):
        sapwood.open_patch(other)
    with pytest.raises(Refused):
        decode_patch(other, b"base")


def test_a_tflite_file_tells_what_it_needs() -> None:
    made = sapwood.diff(OLD, NEW, profile="device", auto_meta=True, guardrails={"family": "cnn"})
    told = describe_guards(made.manifest.guardrails)
    # TensorFlow Lite Micro on a 64-bit machine takes 17,298 bytes, its own structures among them.
    assert told == {
        "arena_bytes": 10_240,
        "runtime_abi": "tflite-3",
        "operator_set": "b8316b0d388f7ccd",
        "io_schema": "7ae5be730304395d",
        "family": "cnn",
    }
    assert sapwood.apply(OLD, made, device=told) == NEW.read_bytes()
    measured = sapwood.diff(OLD, NEW, auto_meta=True, guardrails={"arena_bytes": 17_298})
    assert describe_guards(measured.manifest.guardrails)["arena_bytes"] == 17_298


def test_a_fine_tune_keeps_operators_and_schema_and_another_model_does_not() -> None:
    def told(path: Path) -> dict[str, int | str]:
        return describe_guards(sapwood.diff(None, path, auto_meta=True).manifest.guardrails)

    old, new = told(OLD), told(NEW)
    assert old == new
    other = told(TFLITE / "f32_mlp_lr1e-5x1.new.tflite")
    assert other["operator_set"] != new["operator_set"]
    assert other["io_schema"] != new["io_schema"]


def test_only_tflite_tells() -> None:
    with pytest.raises(WrongCall, match="only a TFLite file"):
        sapwood.diff(b"base", b"target", auto_meta=True)
    assert guards_of_values({}) == ()
