"""Makes the golden frames of the link anew: ``python -m tests.golden.make_link_frames``. Only on purpose.

Each case has a frame's fields, its body, the two nonces of its session (the sender's, the receiver's; none
for HELLO) and its bytes on the line, in hexadecimal. Both ends of the link are tested against them.
"""

import json
from pathlib import Path
from typing import Any

from sapwood.link.frame_bytes import encode
from sapwood.link.frames import (
    Ack,
    Coding,
    Data,
    Done,
    End,
    Frame,
    Hello,
    Message,
    Numbered,
    Open,
    Ping,
    Result,
    StreamType,
    Want,
)
from sapwood.link.framing import seal, seed_of

__all__ = ["FILE", "HOST", "PEER", "cases"]

FILE = Path(__file__).parent / "link_frames.json"

HOST, PEER = 0x01020304, 0xA0B0C0D0
_DIGEST = bytes(range(32))
_MODELS = (bytes(range(16)), bytes(range(240, 256)))

_FRAMES: dict[str, Frame] = {
    "hello_first": Hello(HOST, 0, 1024, 32, 8, 100),
    "hello_answer": Hello(PEER, HOST, 256, 3, 1, 50, answer_wanted=False),
    "hello_models": Hello(0xFFFFFFFF, 1, 4096, 1, 0, 0, models=_MODELS),
    "open_patch": Numbered(0, Open(0, StreamType.PATCH, Coding.NONE, 0, _DIGEST[:16], 70000, "up.swpatch")),
    "open_unknown_length": Numbered(
        1, Open(31, StreamType.TELEMETRY, Coding.LEARNED, 255, bytes(16), None, "")
    ),
    "open_empty_umlaut": Numbered(
        2, Open(1, StreamType.FILE, Coding.NONE, 7, _DIGEST[16:], 0, "gr\u00fc\u00df.bin")
    ),
    "want_all": Numbered(0, Want(0, 0, 4096)),
    "want_wait": Numbered(65535, Want(5, 1 << 20, 1 << 20)),
    "want_far": Numbered(256, Want(5, (1 << 56) - 2, (1 << 56) - 1)),
    "data_one": Numbered(3, Data(0, 0, b"\0")),
    "data_zeros": Numbered(4, Data(2, 127, bytes(40))),
    "data_long": Numbered(5, Data(2, 128, bytes(range(1, 256)) * 2)),
    "data_254": Numbered(0x0101, Data(1, 1, bytes([9]) * (254 - 4 - 4))),
    "data_full": Numbered(0x1234, Data(1, 300, bytes(i * 7 & 255 for i in range(256 - 4 - 5)))),
    "end_whole": Numbered(6, End(0, 70000, _DIGEST)),
    "end_broke_off": Numbered(7, End(3)),
    "done_whole": Numbered(8, Done(0, Result.WHOLE)),
    "done_refused": Numbered(9, Done(30, Result.REFUSED, "no room for it")),
    "done_update": Numbered(10, Done(1, 64 + 70)),
    "ack_all": Ack(0, 65535, 0),
    "ack_holes": Ack(65534, 2, 0x80000005),
    "ping": Ping(),
}


def cases() -> list[dict[str, Any]]:
    """All cases, as they stand in the file."""
    return [_case(name, frame) for name, frame in _FRAMES.items()]


def _case(name: str, frame: Frame) -> dict[str, Any]:
    body = encode(frame)
    greets = isinstance(frame, Hello)
    return {
        "name": name,
        "kind": body[0] & 7,
        "fields": _fields(frame),
        "nonces": None if greets else [HOST, PEER],
        "body": body.hex(),
        "framed": seal(body, 0 if greets else seed_of(HOST, PEER)).hex(),
    }


def _fields(frame: Frame | Message) -> dict[str, Any]:
    if isinstance(frame, Numbered):
        assert isinstance(frame.message, Message)
        return {"sequence": frame.sequence, **_fields(frame.message)}
    return {name: _plain(value) for name, value in frame._asdict().items()}


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    return [model.hex() for model in value] if isinstance(value, tuple) else value


if __name__ == "__main__":
    FILE.write_text(json.dumps(cases(), indent=1) + "\n")
