"""Training a model of bytes: what is held out, what the text holds, and that it comes out the same."""

import random
from pathlib import Path

import pytest

from sapwood.bytecoder import Level, MessageCoder, Prior
from sapwood.bytecoder.training import train
from sapwood.bytecoder.training.corpus import Sample, read_corpus
from sapwood.bytecoder.training.text import choose_text
from sapwood.errors import MissingInput, WrongCall


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two kinds of two sources: readings as text, and lists of names."""
    folder = tmp_path_factory.mktemp("corpus")
    rng = random.Random(1)
    for source in range(2):
        for number in range(4):
            for kind, line in (
                ("readings", "temp={} hum={} st=ok\n"),
                ("names", '{{"name": "n{}", "age": {}}},\n'),
            ):
                out = folder / kind / f"source{source}" / f"{number}"
                out.parent.mkdir(parents=True, exist_ok=True)
                out.write_text("".join(line.format(rng.randrange(99), rng.randrange(99)) for _ in range(200)))
    return folder


def test_files_are_on_one_side_and_equal_ones_count_once(corpus: Path, tmp_path: Path) -> None:
    found = read_corpus([corpus], 0.25, 1)
    assert found.kinds == ("names", "readings")
    assert (len(found.training), len(found.held_out)) == (12, 4)
    assert not {sample.content for sample in found.training} & {sample.content for sample in found.held_out}
    assert {sample.source for sample in found.training} == {
        f"{kind}/source{i}" for kind in found.kinds for i in range(2)
    }
    assert read_corpus([corpus], 0.25, 1) == found
    assert read_corpus([corpus], 0.25, 2) != found
    for name in "ab":
        (tmp_path / name).write_text("the same")
    assert len(read_corpus([tmp_path], 0.1, 1).training) == 1


def test_what_is_shared_is_chosen() -> None:
    rng = random.Random(2)
    shared = rng.randbytes(3000)
    samples = [
        Sample("text", f"{i}", rng.randbytes(8000 + 300 * i) + shared + rng.randbytes(8192)) for i in range(2)
    ]
    text = choose_text(samples, 4096)
    assert len(text) <= 4096
    assert sum(shared[at : at + 8] in text for at in range(len(shared) - 8)) > 2400


def test_every_kind_has_a_part_and_the_one_with_more_to_learn_has_more() -> None:
    rng = random.Random(3)
    shared = rng.randbytes(20_000)
    samples = [Sample("code", f"{i}", rng.randbytes(512 * i) + shared) for i in range(2)]
    samples += [Sample("noise", f"{i}", rng.randbytes(20_000)) for i in range(2)]
    text = choose_text(samples, 16_384)
    noise = sum(
        text[at : at + 8] in sample.content for at in range(0, len(text), 8) for sample in samples[2:]
    )
    assert 512 // 8 <= noise < len(text) / 8 / 4


def test_a_model_is_better_at_what_it_was_trained_on(corpus: Path) -> None:
    told: list[str] = []
    trained = train(
        [corpus],
        text_size=8192,
        steps=1,
        threads=2,
        licence="ours",
        progress=lambda stage, _done, _total: told.append(stage),
    )
    assert list(dict.fromkeys(told)) == [
        "read",
        "choose the text",
        "train live",
        "train default",
        "train max",
    ]
    assert train([corpus], text_size=8192, steps=1, threads=1).prior.data == trained.prior.data
    meta = trained.meta
    assert meta["identity"] == trained.prior.identity.hex()
    assert meta["corpus"]["held_out_files"] == 2
    assert meta["licence"] == "ours"
    assert {point.step for point in trained.curve} == {0, 1}
    bits = {step: sum(point.bits for point in trained.curve if point.step == step) for step in (0, 1)}
    assert bits[1] < bits[0]
    assert {point.level for point in trained.curve} == set(Level)
    content = b'{"name": "n5", "age": 77},\n{"name": "n12", "age": 4},\n'
    untrained = Prior.make(trained.prior.text, 1, {})
    sizes = [len(MessageCoder(prior).encode(content)) for prior in (trained.prior, untrained, None)]
    assert max(sizes[:2]) < sizes[2]
    assert sizes[0] < 0.6 * sizes[2]


def test_calls_that_make_no_sense(tmp_path: Path) -> None:
    with pytest.raises(MissingInput):
        train([tmp_path / "nowhere"])
    with pytest.raises(WrongCall, match="nothing to train on"):
        train([tmp_path])
    with pytest.raises(WrongCall, match="range"):
        train([tmp_path], text_size=0)
