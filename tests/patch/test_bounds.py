"""What a hostile patch may cost a receiver: memory by limits, time by what it builds, no disk."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

HEAD = """
    import dataclasses, lzma, resource, sys, time
    import sapwood
    from sapwood.codec.block import Block, Codec
    from sapwood.codec.varint import put_bytes
    from sapwood.errors import BadData
    from tests.patch import seal
    from tests.patch.crafted import packed, records, splice, unsigned, with_records
    BASE = bytes(range(256)) * 50
    SIZE = len(BASE)
    PATCH = sapwood.diff(BASE, BASE[1:]).to_bytes()
    limit = int(sys.argv[1]) << 20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    def with_size(size):
        found = seal.parts(PATCH)
        target = dataclasses.replace(found.manifest.target, size=size)
        return seal.Parts(dataclasses.replace(found.manifest, target=target), [b""])
    def changed(**records_by_tag):
        found = records(PATCH) | {int(tag[1:]): data for tag, data in records_by_tag.items()}
        return with_records(PATCH, dict(sorted(found.items())))
    def refuse(patch, base=BASE):
        try:
            sapwood.verify(patch, base, threads=2)
        except BadData as error:
            print(type(error).__name__)
        else:
            sys.exit("taken")
"""
TAIL = """
    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"{more >> 10} {time.monotonic() - started}")
"""
# Names of attacks, and what each does.
ATTACKS = {
    "copies of copies": """
        runs = [(0, -SIZE if i else 0, SIZE) for i in range(65_536)]
        size = len(runs) * SIZE
        parts = with_size(size)
        parts.put_blocks(0, [Block(Codec.SPLICE, size, packed(splice(runs, b"")))])
        refuse(parts.seal(decoded=[size]))
    """,
    "most content": """
        one = 1 << 20
        parts = with_size(200 * one)
        parts.put_blocks(0, [Block(Codec.SPLICE, one, packed(b"\\0" + bytes(one)))] * 200)
        refuse(parts.seal(decoded=[200 * one]))
    """,
    "a million chunks": """
        chunks = b"\\x08" + (b"\\1\\1" + bytes(8)) * 1_000_000
        refuse(changed(_3=b"\\1" + unsigned(1_000_000) + bytes(32), _9=chunks))
    """,
    "half a million strings": """
        pairs = bytearray()
        for i in range(500_000):
            put_bytes(pairs, b"%08d" % i)
            put_bytes(pairs, b"")
        refuse(changed(_4=pairs, _9=b"\\0"))
    """,
    "a path of a million folders": """
        path = b"/".join([b"a"] * 1_000_000)
        files = unsigned(1, len(path)) + path + unsigned(0)
        refuse(changed(_3=b"\\2\\0" + bytes(32), _7=files + b"?"))
    """,
    "a hundred thousand deep paths": """
        files = bytearray(unsigned(100_000))
        for i in range(100_000):
            put_bytes(files, b"%06d/" % i + b"a/" * 63 + b"b")
            files.append(0)
        refuse(changed(_3=b"\\2\\0" + bytes(32), _7=files + b"?"))
    """,
    "a manifest of random records": """
        import random
        random.seed(1)
        for _ in range(200):
            refuse(seal.with_manifest(PATCH, random.randbytes(10_000)))
    """,
}


SLOW = {"a million chunks", "a hundred thousand deep paths"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in ATTACKS]
)
def test_a_hostile_patch_costs_little(name: str) -> None:
    code = textwrap.dedent(HEAD) + textwrap.dedent(ATTACKS[name]) + textwrap.dedent(TAIL)
    # Room for the interpreter, the shared libraries and the threads' stacks and arenas, which take no memory.
    command = [sys.executable, "-c", code, "2048"]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, cwd=root)
    assert done.returncode == 0, done.stderr
    mebibytes, seconds = done.stdout.split()[-2:]
    assert int(mebibytes) < 400
    # Generous: the machine may be busy with other tests.
    assert float(seconds) < 60
