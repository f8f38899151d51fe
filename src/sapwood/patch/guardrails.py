"""Guardrails: what a device must be for a patch to be applied to it (SPEC, "Guardrails").

Guards come from the model or from the caller; the facts of a device are compared with them before anything is
written. No I/O here.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Final

from sapwood.codec.varint import put_unsigned
from sapwood.errors import GuardrailRefused, MalformedModel, WrongCall
from sapwood.formats import tflite
from sapwood.formats.model import Model
from sapwood.formats.tflite_needs import read_needs
from sapwood.patch import limits
from sapwood.patch.guard import FIRST_VENDOR, Guard, GuardType, fits

__all__ = [
    "Facts",
    "check_guards",
    "describe_guards",
    "guards_of_model",
    "guards_of_values",
    "merge_guards",
    "read_facts",
]

_MOST_NUMBER: Final = (1 << 64) - 1
_BY_KEY: Final = {kind.key: kind for kind in GuardType}


def describe_guards(guards: Iterable[Guard]) -> dict[str, int | str]:
    """Values by name, as files of facts have them; vendors' by their number."""
    return {guard.key: guard.value for guard in guards}


def guards_of_model(target: Model) -> tuple[Guard, ...]:
    """What a TFLite file tells of itself.

    Raises:
        WrongCall: The target is no TFLite file.
    """
    advice = "Give the guards one by one."
    if target.is_folder or target.files[0].layout.format != tflite.FORMAT:
        raise WrongCall("only a TFLite file tells what a device needs", path=target.root, advice=advice)
    try:
        needs = read_needs(target.files[0].data)
    except MalformedModel as error:
        raise WrongCall(
            f"the model does not tell what it needs: {error}", path=target.root, advice=advice
        ) from error
    arena = bytearray()
    put_unsigned(arena, needs.arena_bytes)
    return (
        Guard(GuardType.ARENA_BYTES, bytes(arena)),
        Guard(GuardType.RUNTIME_ABI, f"tflite-{needs.schema}".encode()),
        Guard(GuardType.OPERATOR_SET, needs.operator_set),
        Guard(GuardType.IO_SCHEMA, needs.io_schema),
    )


def guards_of_values(values: Mapping[str, object]) -> tuple[Guard, ...]:
    """Guards by name or, from 256 on, by number, from numbers, texts and hexadecimal.

    Raises:
        WrongCall: No such guard, or a value that does not fit it.
    """
    return tuple(sorted(_guard(key, value) for key, value in values.items()))


def _vendor_type(key: str) -> int | None:
    number = int(key) if key.isascii() and key.isdecimal() and len(key) <= 20 else -1
    return number if FIRST_VENDOR <= number <= _MOST_NUMBER else None


def _guard(key: str, value: object) -> Guard:
    kind = _BY_KEY.get(key, _vendor_type(key))
    if kind is None:
        raise WrongCall(
            "no such guard", expected=f"{', '.join(_BY_KEY)} or a number from {FIRST_VENDOR} on", found=key
        )
    try:
        content = _content(kind, value)
    except (TypeError, ValueError):
        content = None
    if content is None or len(content) > limits.MAX_GUARD or not fits(kind, content):
        raise WrongCall(f"{key}: a guard's value does not fit it", found=value)
    return Guard(kind, content)


def _content(kind: int, value: object) -> bytes:
    if kind == GuardType.ARENA_BYTES:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise TypeError(value)
        number = int(value)
        if not 0 <= number <= _MOST_NUMBER:
            raise ValueError(value)
        out = bytearray()
        put_unsigned(out, number)
        return bytes(out)
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise TypeError(value)
    is_text = kind < FIRST_VENDOR and not GuardType(kind).is_hash
    return value.encode() if is_text else bytes.fromhex(value)


def merge_guards(first: Iterable[Guard], second: Iterable[Guard]) -> tuple[Guard, ...]:
    """All guards of both; of a type in both, the second's."""
    merged = {guard.type: guard for guard in (*first, *second)}
    return tuple(merged[kind] for kind in sorted(merged))


Facts = Mapping[str, object]
"""What a device offers, by the names of guards: a value, or a list of those it takes."""


def read_facts(text: str | bytes) -> dict[str, object]:
    """The facts of a JSON object.

    Raises:
        WrongCall: Not JSON, or no object.
    """
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WrongCall(f"the facts of a device are no JSON: {error}") from error
    if not isinstance(facts, dict):
        raise WrongCall("the facts of a device are a JSON object", found=type(facts).__name__)
    return facts


def check_guards(guards: Iterable[Guard], facts: Facts) -> None:
    """Refuse a device that does not meet a critical guard, or does not say whether it does.

    Raises:
        GuardrailRefused: The patch is not for this device.
        WrongCall: The facts make no sense.
    """
    offered = {key: _offers(key, value) for key, value in facts.items()}
    for guard in guards:
        if not guard.is_critical:
            continue
        found = offered.get(guard.key)
        if found is None:
            raise GuardrailRefused(
                f"the device does not tell its {guard.key}",
                expected=guard.value,
                advice=f"Add {guard.key} to the device's facts.",
            )
        if not any(_meets(guard, offer) for offer in found):
            raise GuardrailRefused(
                f"the patch is not for this device: its {guard.key} does not fit",
                expected=f"{guard.value} or more" if guard.type == GuardType.ARENA_BYTES else guard.value,
                found=", ".join(str(offer.value) for offer in found),
                advice="Send the device a patch that was made for it.",
            )


def _offers(key: str, value: object) -> list[Guard]:
    return [_guard(key, item) for item in (value if isinstance(value, list) else [value])]


def _meets(guard: Guard, offer: Guard) -> bool:
    if guard.type == GuardType.ARENA_BYTES:
        return int(offer.value) >= int(guard.value)
    return offer.content == guard.content
