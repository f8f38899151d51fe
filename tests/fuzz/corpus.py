"""Seeds for the C fuzzers, in the form of core/fuzz/input.h: ``python -m tests.fuzz.corpus FOLDER``."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sapwood import MacKey, diff
from sapwood.codec.element import Element
from sapwood.codec.varint import ByteReader
from sapwood.patch.signing import SigningKey, authentication_by
from tests.fuzz.block_payloads import coded, device_blocks, quantised_blocks, scattered_blocks, splice_blocks
from tests.fuzz.byte_streams import bytes_coded
from tests.patch import models

__all__ = ["write_seeds"]

LINK_FRAMES: Final = Path(__file__).parents[1] / "golden" / "link_frames.json"


def device_updates(key: SigningKey | None = None) -> list[tuple[bytes, bytes]]:
    """Manifests, and what stands behind them, for the model of core/fuzz/fuzz_update.c. All digests are zero.

    So are a signature and a MAC: that program takes zeros.
    """
    base = bytes((i * 7 + (i >> 5)) % 256 for i in range(3000))
    few = bytearray(base)
    few[5::97] = bytes(len(few[5::97]))
    random = np.random.default_rng(1).bytes(2000)
    updates = []
    for target in (bytes(few), base[:40] + random + base[40:], random, base[100:] + base):
        patch = diff(base, target, profile="device", state=512, guardrails={"arena_bytes": 90}, key=key)
        manifest = patch.manifest
        data = patch.to_bytes()
        models_named = [manifest.base.digest, manifest.target.digest]
        for digest in (*models_named, *(chunk.digest for chunk in manifest.chunks)):
            data = data.replace(digest, bytes(len(digest)))
        chunks = sum(chunk.coded for chunk in manifest.chunks)
        opening = ByteReader(data[6:], 6)
        content = bytes(opening.prefixed("manifest"))
        code = bytes(patch.authentication.size)
        updates.append((content, code + data[len(data) - chunks :]))
    return updates


def update_seeds() -> Iterator[tuple[str, bytes]]:
    """Names and bytes for core/fuzz/fuzz_update.c: patches of each kind, on devices that want each."""
    keys: list[SigningKey | None] = [None, Ed25519PrivateKey.from_private_bytes(bytes(32)), MacKey(bytes(16))]
    nothing, signature, mac = 0, 4, 12
    for key in keys:
        flags = authentication_by(key)
        for wanted in (nothing, signature, mac):
            for i, (manifest, rest) in enumerate(device_updates(key)):
                for how in (0, 1, 2, 3, 45, 80, 81, 83):
                    head = bytes([how, 40, flags | wanted, len(manifest)])
                    yield f"{flags}{wanted:02}{i:02}{how:02}", head + manifest + rest


def link_commands() -> list[bytes]:
    """Rows of commands of core/fuzz/fuzz_link.c: each golden frame, and all in an open stream."""
    bodies = [bytes.fromhex(case["body"]) for case in json.loads(LINK_FRAMES.read_text())]
    frames = [bytes([1, len(body)]) + body for body in bodies if len(body) < 256]
    opened = next(frame for frame in frames if frame[2] == 1)
    read, send, wait = bytes([4, 60]), bytes([6, 1]), bytes([10, 200])
    return [*frames, opened + read + send + wait + read.join(frames)]


def write_seeds(folder: Path) -> None:
    """Write one file a seed into a folder of ``folder`` for each program."""
    for codec in ("numeric", "adaptive"):
        place = folder / codec
        place.mkdir(parents=True, exist_ok=True)
        for i, (payload, base, size) in enumerate(coded(codec)):
            head = size.to_bytes(3, "little") + bytes([base is not None])
            (place / f"{i:03}").write_bytes(head + payload)
    place = folder / "device"
    place.mkdir(parents=True, exist_ok=True)
    for i, (payload, _, size) in enumerate(device_blocks()):
        # Byte 3: a base as long as the target.
        (place / f"{i:03}").write_bytes(size.to_bytes(3, "little") + bytes([1]) + payload)
    place = folder / "quantised"
    place.mkdir(parents=True, exist_ok=True)
    for i, (payload, _, size) in enumerate(quantised_blocks()):
        (place / f"{i:03}").write_bytes(size.to_bytes(3, "little") + bytes([1]) + payload)
    place = folder / "scattered"
    place.mkdir(parents=True, exist_ok=True)
    for i, (payload, _, size) in enumerate(scattered_blocks()):
        (place / f"{i:03}").write_bytes(size.to_bytes(3, "little") + bytes([1]) + payload)
    place = folder / "splice"
    place.mkdir(parents=True, exist_ok=True)
    for i, (payload, _, size) in enumerate(splice_blocks()):
        # Behind the head, what stands behind the kind.
        (place / f"{i:03}").write_bytes(size.to_bytes(3, "little") + bytes([1]) + payload[1:])
    place = folder / "update"
    place.mkdir(parents=True, exist_ok=True)
    for name, seed in update_seeds():
        (place / name).write_bytes(seed)
    place = folder / "link"
    place.mkdir(parents=True, exist_ok=True)
    for i, commands in enumerate(link_commands()):
        (place / f"{i:03}").write_bytes(commands)
    place = folder / "bytes"
    place.mkdir(parents=True, exist_ok=True)
    for i, (payload, level, content) in enumerate(bytes_coded()):
        # Byte 2 chooses the level, as fuzz_bytes.c reads it; bit 7 of byte 1 says that a content follows.
        (place / f"{i:03}").write_bytes(
            len(content).to_bytes(2, "little") + bytes([level * 200, 0]) + payload
        )
        (place / f"{i:03}c").write_bytes(bytes([0, 128, level * 200, 3]) + content)
    place = folder / "encode"
    place.mkdir(parents=True, exist_ok=True)
    bell = np.random.default_rng(0).normal(128, 30, 3000).clip(0, 255).astype(np.uint8)
    # Every value of a byte, some often: the largest alphabet.
    samples = [bell.tobytes() + bytes(range(256)), *(a.tobytes() for a in models.every_element().values())]
    for i, sample in enumerate(samples):
        element, data = 1 + i % len(Element), sample[:4000]
        for options in range(6):
            (place / f"{i:02}{options}").write_bytes(bytes([element, options]) + data + data[8:] + data[:8])


if __name__ == "__main__":
    write_seeds(Path(sys.argv[1]))
