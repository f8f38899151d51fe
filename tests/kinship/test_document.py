"""The numbers in docs/FINGERPRINT.md are those of the code."""

import re
from pathlib import Path

from sapwood.kinship import compare, database, limits, signature, sketch, sketch_bytes, values
from sapwood.kinship.dequantise import DEQUANTISERS

TEXT = " ".join((Path(__file__).parents[2] / "docs" / "FINGERPRINT.md").read_text(encoding="utf-8").split())


def says(text: str) -> bool:
    return text in TEXT


def test_limits() -> None:
    assert says(f"runs of {limits.RUN} neighbours; a part has floor(values / {limits.RUN}) of them")
    assert says(f"{('', 'one', 'two', 'three', 'four')[limits.GROUPS]} groups of {limits.GROUP} values")
    assert says(f"At most {limits.MAX_TENSORS} parts are sampled")
    assert says(
        f"floor({limits.RUNS} w / W) runs, at least {limits.LEAST_RUNS}, at most {limits.MAX_TENSOR_RUNS}"
    )
    assert says(f"refuses more than {limits.MAX_RUNS} runs")
    assert says(f"at most {limits.MAX_SAVED} bytes")


def test_bytes() -> None:
    assert says(f"| 4 | version: {sketch_bytes.VERSION} |")
    assert says(f"| 4 | number of parts, at most {limits.MAX_TENSORS} |")
    assert says(f"| {sketch.TENSORS.itemsize} each | parts")
    assert says(f"| {sketch.RUNS.itemsize} each | runs")
    assert says(f"{sketch.NO_WINNER} if the group has fewer than {limits.GROUP // 2} values")
    assert says(f"a winner from {2 * limits.GROUP} to {sketch.NO_WINNER - 1}")
    assert says(f"an {('eighth',)[sketch._LOPSIDED - 8]} as many sampled values")


def test_values() -> None:
    listed = re.search(r"The ggml blocks (.*?): what they stand for", TEXT)
    assert listed is not None
    assert re.split(r", | and ", listed[1]) == list(DEQUANTISERS)
    unlearned = re.search(r"values of the types (.*?) are not", TEXT)
    assert unlearned is not None
    assert set(re.split(r", | and ", unlearned[1])) == values._NOT_LEARNED


def test_databases() -> None:
    schema = database._SCHEMA
    assert says(f"application_id 0x{schema.application:X}, user_version {schema.version}")
    assert all(says(f"`{table}`") for table in schema.tables)
    assert says(f"`signature` {signature.SIZE} numbers of 16 bits")
    assert says(f"at least two of {signature.SIZE}, at most {database._KIN}")
    assert database._LEAST_AGREED == 2 / signature.SIZE
    assert says(f"The {database._NEAREST} nearest")


def test_relations() -> None:
    for relation in compare.Relation:
        assert says(f"| {relation.value} |")
    assert says(f"less than {compare._KIN} are strangers")
