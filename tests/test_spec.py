"""The numbers in docs/SPEC.md are those of the code, and its examples decode."""

import functools
import re
import struct
from pathlib import Path

import sapwood
from sapwood import _core
from sapwood.chain import container as chain
from sapwood.codec import zstandard_frames
from sapwood.codec.block import MAX_BLOCK, Block, Codec, put_block
from sapwood.codec.device_segment import STATES, Kind
from sapwood.codec.element import Element
from sapwood.codec.splice import MOST_CONTENT, MOST_MODELLED, MOST_RUNS
from sapwood.codec.varint import ByteReader, put_signed, put_unsigned
from sapwood.formats.dtype import DTYPES
from sapwood.patch import container, limits
from sapwood.patch.authentication import Authentication
from sapwood.patch.guard import FIRST_VENDOR, GuardType
from sapwood.patch.manifest import KEY_ID_SIZE, Shape, Tag
from tests.oracle import adaptive, blocks, device, elements, numeric, predicted, quantised, scattered
from tests.oracle import chain as chain_oracle
from tests.oracle import container as oracle
from tests.oracle.container import decode_patch

ROOT = Path(__file__).parent.parent
SPEC = (ROOT / "docs" / "SPEC.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """From a heading to the next of the same depth or above."""
    start = re.search(rf"^(#+) {re.escape(title)}$", SPEC, re.MULTILINE)
    assert start is not None, title
    rest = SPEC[start.end() :]
    end = re.search(rf"^#{{1,{len(start[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def tables(title: str) -> list[list[list[str]]]:
    """The tables of a section as rows of cells, without their headings."""
    found: list[list[list[str]]] = []
    inside = False
    for line in section(title).splitlines():
        if not line.startswith("|"):
            inside = False
            continue
        if not inside:
            found.append([])
            inside = True
        found[-1].append([cell.strip() for cell in line.strip("|").split("|")])
    return [table[2:] for table in found]


def code_bytes(title: str) -> bytes:
    """The first indented block of a section, in hexadecimal."""
    lines = section(title).splitlines()
    start = next(i for i, line in enumerate(lines) if re.match("    [0-9a-f]{2} ", line))
    taken = []
    for line in lines[start:]:
        if not line.startswith("    "):
            break
        taken.append(line)
    return bytes.fromhex(" ".join(taken))


@functools.cache
def c_numbers() -> dict[str, int]:
    """Enumerators of the C headers that are plain numbers, shifts, or sums of others, in order."""
    names: dict[str, int] = {}
    sources = (
        "range_decoder.h",
        "numeric.h",
        "adaptive.h",
        "predicted.h",
        "quantised.h",
        "device.h",
        "scattered.h",
    )
    for header in ("include/sapwood.h", *(f"src/{name}" for name in sources)):
        text = re.sub(r"/\*.*?\*/", "", (ROOT / "core" / header).read_text(encoding="utf-8"), flags=re.DOTALL)
        for body in re.findall(r"enum \{(.*?)\}", text, re.DOTALL):
            for name, value in re.findall(r"(\w+) = ([^,}]+)", body):
                assert re.fullmatch(r"[\w\s+*/()<-]+", value), value
                names[name] = int(eval(value.replace("/", "//"), {"__builtins__": {}}, dict(names)))
    return names


def test_codecs() -> None:
    rows = next(t for t in tables("Blocks") if len(t[0]) == 4)
    assert {row[1]: int(row[0]) for row in rows} == {c.name: c.value for c in Codec}
    always = [row[1] for row in rows if row[2] == "always"]
    assert always == ["ZSTD_BASE", "PREDICTED", "QUANTISED", "SCATTERED"]
    for number, name in ((c.value, c.name) for c in Codec):
        assert section(f"Codec {number}: {name}")
        assert getattr(blocks, name) == number


def test_elements() -> None:
    rows = tables("Elements")[0]
    assert {row[1]: int(row[0]) for row in rows} == {e.name: e.value for e in Element}
    for row in rows:
        number, name = int(row[0]), row[1]
        assert c_numbers()[f"SW_ELEMENT_{name}"] == number
        assert 8 * Element(number).width == max(8, int(row[2]))
        expected = elements.Element(int(row[2]), row[3] == "yes", int(row[4]), int(row[5]))
        assert elements.ELEMENTS[number] == expected


def test_shapes_of_elements_in_c() -> None:
    text = (ROOT / "core" / "src" / "numeric_header.c").read_text(encoding="utf-8")
    pattern = r"\{(\d+), (\d+), (true|false), (\d+), (\d+)\},"
    shapes = [(int(b), f == "true", int(s), int(m)) for _, b, f, s, m in re.findall(pattern, text)]
    rows = tables("Elements")[0]
    assert shapes[1:] == [(int(r[2]), r[3] == "yes", int(r[4]), int(r[5])) for r in rows]


def test_limits() -> None:
    rows = tables("Limits")[0]
    paths = {row[2]: int(row[1]) for row in rows if row[0] == "path of a file"}
    assert paths == {"bytes": limits.MAX_PATH, "slashes": limits.MAX_DEPTH}
    assert (oracle.MAX_PATH, oracle.MAX_SLASHES) == (limits.MAX_PATH, limits.MAX_DEPTH)
    assert ["manifest", str(limits.MAX_RECORDS), "records"] in rows
    assert ["guardrails", str(limits.MAX_GUARDS), "guards"] in rows
    assert limits.MAX_KEPT == oracle.MAX_KEPT
    assert (oracle.MAX_GUARDS, oracle.MAX_GUARD) == (limits.MAX_GUARDS, limits.MAX_GUARD)
    named = [row for row in rows if row[0] != "path of a file" and row[2] not in ("records", "guards")]
    found = {row[0]: int(row[1]) for row in named}
    assert found == {
        "manifest": limits.MAX_MANIFEST,
        "files in a folder": limits.MAX_FILES,
        "kept bytes": limits.MAX_KEPT,
        "content of a guard": limits.MAX_GUARD,
        "chunk": limits.MAX_CHUNK,
        "block (all codecs but SPLICE)": MAX_BLOCK,
        "span of the base of one block (all codecs but SPLICE)": MAX_BLOCK,
        "content of a SPLICE": MOST_CONTENT,
        "runs of a SPLICE": MOST_RUNS,
        "literals of a modelled SPLICE": MOST_MODELLED,
        "components of a right factor": c_numbers()["SW_MAX_RANK"],
        "elements of one component": c_numbers()["SW_MAX_COLUMNS"],
        "elements of a right factor": c_numbers()["SW_MAX_FACTOR"],
        "elements of a QUANTISED block": c_numbers()["SW_MAX_CODES"],
        "FACTORS in a chunk": limits.MAX_FACTORS,
        "window of a zstd frame": 1 << zstandard_frames._WINDOW_LOG,
        "any integer": (1 << 64) - 1,
    }
    assert _core.MAX_BLOCK == c_numbers()["SW_MAX_BLOCK"] == MAX_BLOCK == blocks.MAX_BLOCK
    assert (oracle.MAX_MANIFEST, oracle.MAX_FILES) == (limits.MAX_MANIFEST, limits.MAX_FILES)
    assert (oracle.MAX_CHUNK, oracle.MAX_RECORDS) == (limits.MAX_CHUNK, limits.MAX_RECORDS)
    assert blocks.MAX_RUNS == MOST_RUNS
    assert blocks.MAX_FACTORS == limits.MAX_FACTORS
    assert predicted.MAX_RANK == _core.MAX_RANK == c_numbers()["SW_MAX_RANK"]
    assert predicted.MAX_COLUMNS == _core.MAX_COLUMNS == c_numbers()["SW_MAX_COLUMNS"]
    assert quantised.MAX_CODES == _core.MAX_CODES == c_numbers()["SW_MAX_CODES"]
    assert predicted.MAX_FACTOR == _core.MAX_FACTOR == c_numbers()["SW_MAX_FACTOR"]


def test_container() -> None:
    rows = tables("Container")[0]
    assert [row[0] for row in rows[:4]] == ["0", "4", "5", "6"]
    assert container.MAGIC.hex(" ") in rows[0][2]
    assert f"`{container.VERSION:02x}`" in rows[1][2]
    assert container.MAGIC == oracle.MAGIC
    assert rows[6][1] == f"{Authentication.ED25519.size} or {Authentication.AES_CMAC.size}"
    assert rows[6][1] == " or ".join(str(size) for size in oracle.SIGNATURE_SIZES.values() if size)
    assert container.MAGIC.hex(" ") == code_bytes("Example: a patch")[:4].hex(" ")


def test_chain_file() -> None:
    head, link, record = tables("Chain file")
    assert f"`{chain.MAGIC.hex(' ')}`" in head[0][2]
    for byte, row in zip(chain.HEAD[4:], head[1:3], strict=True):
        assert f"`{byte:02x}`" in row[2]
    assert int(head[3][0]) == len(chain.HEAD)
    assert [link[0][0], link[2][0]] == [str(chain.RECORD_SIZE), str(chain.SEAL_SIZE)]
    ends = [int(row[0]) + int(row[1]) for row in record]
    assert [int(row[0]) for row in record] == [0, *ends[:-1]]
    assert ends[-1] == chain.RECORD_SIZE == chain_oracle.RECORD_SIZE
    assert f"`{chain.MARK.hex(' ')}`" in record[0][2]
    assert f"at most {chain.MAX_LINKS} links" in section("Chain file")


def test_manifest_records() -> None:
    rows = tables("Manifest")[0]
    assert {row[1]: int(row[0]) for row in rows} == {t.name: t.value for t in Tag}
    assert f"{KEY_ID_SIZE} bytes" in next(row[2] for row in rows if row[1] == "KEY_ID")
    assert f"{Shape.FILE.value} = file, {Shape.FOLDER.value} = folder" in section("Manifest")


def test_guards() -> None:
    rows = tables("Guardrails")[0]
    assert {row[1]: int(row[0]) for row in rows} == {t.name: t.value for t in GuardType}
    assert f"Types from {FIRST_VENDOR} on belong to vendors" in section("Guardrails")


def test_integers() -> None:
    for value, written in tables("Integers")[0]:
        kind, number = value.split()
        out = bytearray()
        (put_signed if kind == "signed" else put_unsigned)(out, int(number))
        assert f"`{out.hex(' ')}`" == written
        reader = ByteReader(bytes(out))
        assert (reader.signed("") if kind == "signed" else reader.unsigned("")) == int(number)


def test_models_of_numeric_blocks() -> None:
    rows = {row[0]: (int(row[1]), int(row[2])) for row in tables("Side information")[0]}
    assert {name: first for name, (first, _) in rows.items()} == numeric.MODELS
    names = {"table": "TABLE_ID"}
    ends = 0
    for name, (first, count) in rows.items():
        assert c_numbers()[f"SW_MODELS_{names.get(name, name.upper())}"] == first == ends
        ends = first + count
    assert ends == numeric.MODEL_COUNT == c_numbers()["SW_MODELS_COUNT"]


def test_numbers_of_numeric_blocks() -> None:
    c = c_numbers()
    text = section("Codec 4: NUMERIC")
    assert f"At most {c['SW_MAX_EXACT']} exact values; 1 to {c['SW_MAX_SYMBOLS']} symbols" in text
    assert f"At most {c['SW_MAX_TABLES']} tables" in text
    assert f"at most {c['SW_MAX_RAW_BITS']} and at most the bits" in text
    assert f"at least {c['SW_RANS_LOW']}" in text
    assert f"every state is {c['SW_RANS_LOW']}" in text
    assert f"min(n - 1, {c['SW_FREQUENCY_DIGITS']})" in text
    assert f"class (0 to {c['SW_CLASSES'] - 1};" in text
    assert c["SW_MAX_TABLE_BITS"] == 10 + 2
    assert c["SW_MAX_LANES"] == 1 << 5
    assert c["SW_MAX_SCALES"] == 1 << 3
    assert f"starts at {c['SW_MODEL_START']}" in section("Range coder")
    assert f"has {c['SW_INTEGER_MODELS']} models" in section("Range coder")
    assert f"(p >> {c['SW_MODEL_RATE']})" in section("Range coder")


def test_numbers_of_adaptive_blocks() -> None:
    c = c_numbers()
    text = section("Codec 5: ADAPTIVE")
    listed = re.search(r"with C\[0\] to C\[45\]:\n\n((?: +\d.*\n)+)", text)
    assert listed is not None
    curve = tuple(int(word) for word in listed[1].split())
    source = (ROOT / "core" / "src" / "adaptive_model.c").read_text(encoding="utf-8")
    in_c = re.search(r"sw_adaptive_curve\[46\] = \{(.*?)\}", source, re.DOTALL)
    assert in_c is not None
    assert curve == adaptive.CURVE == tuple(int(word) for word in re.findall(r"\d+", in_c[1]))
    slots, sets = c["SW_ADAPTIVE_SLOTS"] // c["SW_ADAPTIVE_VOTES"], c["SW_ADAPTIVE_SETS"]
    assert f"{c['SW_ADAPTIVE_VOTES']} voters with {slots} **slots** each" in text
    assert f"{sets} **weight sets**" in text
    assert f"at first {c['SW_AD_WEIGHT']}" in text
    assert f"at first {c['SW_AD_HASTE'] << c['SW_AD_CALM']}" in text
    assert f"from -{c['SW_AD_VOTE']} to\n{c['SW_AD_VOTE']}" in text
    assert f"no less than -{c['SW_AD_SUM']}, no more than {c['SW_AD_SUM']}" in text
    assert f"min(n[v] + 1, {c['SW_AD_SEEN']})" in text


def test_numbers_of_predicted_blocks() -> None:
    c = c_numbers()
    text = section("Codec 6: PREDICTED")
    assert f"from {c['SW_LEAST_EXPONENT']} to {c['SW_MOST_EXPONENT']}" in text
    assert f"spread, at most {c['SW_MOST_SPREAD']}" in text
    assert [c[f"SW_RESIDUAL_{name}"] for name in ("NONE", "NUMERIC", "ADAPTIVE")] == [0, 1, 2]
    assert f"at most {c['SW_MAX_BLOCK']} bytes" in section("Matrix")
    listed = re.search(r"how many of ([\d, ]+) are at most x", text)
    assert listed is not None
    edges = [int(edge) for edge in listed[1].split(",")]
    # A distance of x quarter units, by the numbers of BF16.
    for x in range(23):
        value = struct.unpack("<d", ((1023 << 52) + (1 << 44) + (x << 37)).to_bytes(8, "little"))[0]
        expected = 12 if x >= 15 else 2 * sum(edge <= x for edge in edges) + 1
        assert predicted.classify(value, Element.BF16, 127 + 37) == expected


def test_types_of_quantised_blocks() -> None:
    found = tables("Codec 8: QUANTISED")
    assert {int(row[0]): row[1] for row in found[1]} == {n: t.name for n, t in quantised.TYPES.items()}
    for row in found[1]:
        kind = quantised.TYPES[int(row[0])]
        packed = row[7].startswith("packed")
        assert kind.packed_at == (4 if packed else None)
        numbers = [int(cell) if cell else None for cell in row[2:7]]
        assert numbers == [kind.elements, kind.size, kind.run, kind.d_at, kind.m_at]
        for cell, fields in ((row[7], kind.scales), (row[8], kind.codes)):
            listed = cell.split(";") if cell and not cell.startswith("packed") else []
            assert [tuple(map(int, one.split(","))) for one in listed] == list(fields)
        assert row[9] == kind.rule
        dtype = DTYPES[kind.name]
        assert (dtype.block_elements, dtype.block_bytes) == (kind.elements, kind.size)
    assert [row[0] for row in tables("Planes")[0]] == list(quantised.PLANES)
    for row in tables("Numbers and values")[0]:
        what, names = row[0].split(" of ")
        for name in names.split(", "):
            kind = next(t for t in quantised.TYPES.values() if t.name == name)
            assert tuple(map(int, row[1:])) == (kind.code if what == "codes" else kind.scale)
    assert f"spread, at most {c_numbers()['SW_QUANT_MOST_SPREAD']} " in section("Codec 8: QUANTISED")


def test_share_of_scattered_changes() -> None:
    share = c_numbers()["SW_SCATTERED_SHARE"]
    assert share == scattered.SHARE == 8
    assert "at most an eighth of the block's elements" in section("Codec 10: SCATTERED")
    assert c_numbers()["SW_MAX_CHANGES"] * share == MAX_BLOCK
    codings = re.findall(r"(\d) = ", section("Codec 10: SCATTERED"))
    assert [int(number) for number in codings] == [
        c_numbers()[f"SW_SCATTERED_{name}"] for name in ("NUMERIC", "ADAPTIVE", "STORED")
    ]


def test_numbers_of_device_blocks() -> None:
    c = c_numbers()
    text = section("Codec 9: DEVICE")
    for state, (number, size) in enumerate(re.findall(r"(\d) = (\d+) bytes", text)):
        assert (int(number), int(size)) == (state, STATES[state]) == (state, device.STATES[state])
    assert (c["SW_DEVICE_SMALL"], c["SW_DEVICE_LARGE"]) == STATES
    voters, sets = c["SW_DEVICE_VOTERS"], c["SW_DEVICE_SETS"]
    assert f"{sets} **weight sets** of {voters} weights each" in text
    assert f"at first {c['SW_DEVICE_WEIGHT']}" in text
    assert f"{voters} voters with R = (S / 2 - {sets * voters}) / {voters} **slots** each" in text
    assert f"no less than -{c['SW_DEVICE_SUM']}, no more than {c['SW_DEVICE_SUM']}" in text
    group, quarter = c["SW_DEVICE_GROUP"], c["SW_DEVICE_QUARTER"]
    assert f"zeros >= {c['SW_DEVICE_GROUP_FROM']}, and this and the elements after it" in text
    assert f"same = {group};  zeros = zeros + {group}" in text
    assert f"same = {quarter};  asked = asked - {quarter};  zeros = zeros + {quarter}" in text
    assert f"asked = {quarter} and zeros >= {group - quarter}" in text
    kinds = {row[1]: int(row[0]) for row in tables("Segments")[0]}
    assert kinds == {k.name: k.value for k in Kind}
    assert kinds == {name: c[f"SW_DEVICE_{name}"] for name in kinds}
    assert f"{kinds['PLAIN'] + 1} is refused" in text
    steps = re.search(r"step\[SW_DEVICE_SEEN \+ 1\] = \{(.*?)\}", _source("device_predict.h"), re.DOTALL)
    assert steps is not None
    assert [int(w) for w in re.findall(r"\d+", steps[1])] == [131072 // (2 * n + 3) for n in range(16)]


def _source(name: str) -> str:
    return (ROOT / "core" / "src" / name).read_text(encoding="utf-8")


def test_the_patch_of_the_example() -> None:
    patch = code_bytes("Example: a patch")
    base, target = b"Sapwood, heartwood", b"Sapwood, heartwood, bark"
    assert decode_patch(patch, base) == target
    assert sapwood.apply(base, patch) == target
    # Every byte is explained, where it stands.
    at = 0
    for offset, written, _ in tables("Example: a patch")[0]:
        assert int(offset) == at
        digest = re.fullmatch(r"`([0-9a-f ]+)` ... `([0-9a-f ]+)`", written)
        if digest:
            first, last = (bytes.fromhex(part) for part in digest.groups())
            assert patch[at:].startswith(first)
            assert patch[: at + 32].endswith(last)
            at += 32
            continue
        part = bytes.fromhex(written.strip("`"))
        assert patch[at : at + len(part)] == part, offset
        at += len(part)
    assert at == len(patch)


def test_the_numeric_block_of_the_example() -> None:
    payload = code_bytes("Example: a NUMERIC block")
    base = b"".join((0x3F80 + i).to_bytes(2, "little") for i in range(64))
    target = b"".join((0x3F80 + i + 2 * (i % 8 == 0)).to_bytes(2, "little") for i in range(64))
    assert numeric.decode_numeric(payload, base, 128) == target
    out = bytearray(128)
    assert _core.decode_numeric(payload, base, out) == 0
    assert out == target
    written = [bytes.fromhex(row[1].strip("`")) for row in tables("Example: a NUMERIC block")[0]]
    assert b"".join(written) == payload


def test_the_base_position_begins_anew_in_each_chunk() -> None:
    base = bytes(range(64)) * 2
    record = bytearray()
    frame = zstandard_frames.compress(b"x", 3)
    end = put_block(record, Block(Codec.ZSTD_BASE, 1, frame, (8, 8)), 0)
    assert end == 16
    # 8 bytes on from there, as zigzag.
    second = bytearray()
    put_block(second, Block(Codec.ZSTD_BASE, 1, frame, (24, 8)), end)
    assert second[-len(frame) - 2] == 16
    made = bytearray()
    blocks.decode_chunk(bytes(record + second), base, 2, made)
    assert made == b"xx"


def test_the_example_chain() -> None:
    patch = code_bytes("Example: a patch")
    lines = [line.strip() for line in section("Example: a chain").splitlines() if line.startswith("    ")]
    head, seal = bytes.fromhex(" ".join(lines[:-1])), bytes.fromhex(lines[-1])
    data = head + patch + seal
    assert f"a chain of {len(data)} bytes" in section("Example: a chain")
    assert sapwood.chain_create([patch]).to_bytes() == data
    assert chain_oracle.decode_chain(data, b"Sapwood, heartwood") == b"Sapwood, heartwood, bark"
    for offset, written, _ in tables("Example: a chain")[0]:
        shown = [bytes.fromhex(run) for run in re.findall(r"`([0-9a-f ]+)`", written)]
        at = int(offset)
        assert all(data[at:].startswith(run) for run in shown[:1])
        assert all(run in data[at:] for run in shown[1:])
    ends = [int(offset) for offset, _, _ in tables("Example: a chain")[0]]
    assert ends == sorted(ends)
    assert ends[-2] == len(head)
