"""Trees, commits and tags: one encoding each, and nothing hostile gets through."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapwood.codec.varint import put_unsigned
from sapwood.errors import BadData, WrongCall
from sapwood.repo import limits
from sapwood.repo.commit import Commit, Signature, Tag
from sapwood.repo.paths import path_fault
from sapwood.repo.tree import Entry, Tree

digests = st.binary(min_size=32, max_size=32)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
names = texts.filter(bool)
parts = st.text(st.sampled_from("abcXYZ019_-é漢. "), min_size=1, max_size=12)
paths = st.lists(parts, min_size=1, max_size=4).map("/".join).filter(lambda path: path_fault(path) is None)
signatures = st.builds(Signature, texts, st.integers(-(10**10), 10**11), st.integers(-1439, 1439))
commits = st.builds(
    Commit,
    digests,
    st.lists(digests, max_size=4, unique=True).map(tuple),
    signatures,
    signatures,
    texts,
    st.dictionaries(names, st.floats(), max_size=4),
    st.dictionaries(names, texts, max_size=4),
)


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    chosen: list[str] = []
    for path in draw(st.lists(paths, max_size=8, unique=True)):
        if not any(path.startswith(one + "/") or one.startswith(path + "/") for one in chosen):
            chosen.append(path)
    return Tree.of(Entry(path, draw(digests), draw(st.integers(0, 1 << 62))) for path in chosen)


@given(trees())
def test_a_tree_is_read_as_it_was_written(tree: Tree) -> None:
    assert Tree.decode(tree.encode()) == tree


@given(commits)
def test_a_commit_is_read_as_it_was_written(commit: Commit) -> None:
    data = commit.encode()
    found = Commit.decode(data)
    # NaN is not equal to itself.
    assert found.encode() == data
    assert (found.tree, found.parents, found.author, found.message, found.fields) == (
        commit.tree,
        commit.parents,
        commit.author,
        commit.message,
        commit.fields,
    )
    assert all(value == found.metrics[name] or math.isnan(value) for name, value in commit.metrics.items())


@given(digests, names, signatures, texts)
def test_a_tag_is_read_as_it_was_written(target: bytes, name: str, by: Signature, message: str) -> None:
    tag = Tag(target, name, by, message)
    assert Tag.decode(tag.encode()) == tag


@given(commits)
def test_the_order_of_notes_does_not_count(commit: Commit) -> None:
    turned = Commit(
        commit.tree,
        commit.parents,
        commit.author,
        commit.committer,
        commit.message,
        dict(reversed([*commit.metrics.items()])),
        dict(reversed([*commit.fields.items()])),
    )
    assert turned.encode() == commit.encode()


SAMPLES = (
    (Tree, Tree.of([Entry("a/b.gguf", bytes(32), 7), Entry("c", bytes(range(32)), 1 << 40)]).encode()),
    (
        Commit,
        Commit(
            bytes(32), (bytes(range(32)),), Signature("A <a@b>", 1, 60), Signature("B", 2), "m\nn",
            {"acc": 0.5, "loss": math.nan}, {"lr": "1e-3"},
        ).encode(),
    ),
    (Tag, Tag(bytes(32), "v1", Signature("A", 5), "why").encode()),
)  # fmt: skip


@pytest.mark.parametrize(("kind", "data"), SAMPLES)
def test_mutants_are_refused_or_read_as_what_they_say(
    kind: type[Tree] | type[Commit] | type[Tag], data: bytes
) -> None:
    chance = random.Random(1)
    refused = 0
    for _ in range(4000):
        mutant = bytearray(data)
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(mutant))
            what = chance.randrange(4)
            if what == 0:
                mutant[at] = chance.randrange(256)
            elif what == 1:
                del mutant[at : at + chance.randint(1, 4)]
            elif what == 2:
                mutant[at:at] = chance.randbytes(chance.randint(1, 4))
            else:
                mutant[at:] = b""
            if not mutant:
                break
        try:
            found = kind.decode(bytes(mutant))
        except BadData:
            refused += 1
        else:
            assert found.encode() == mutant
            if isinstance(found, Tree):
                assert all(path_fault(entry.path) is None for entry in found)
    assert refused > 1000


def raw_tree(*paths: str) -> bytes:
    """A tree's bytes with these paths, whatever they are."""
    out = bytearray([1])
    put_unsigned(out, len(paths))
    for path in paths:
        encoded = path.encode("utf-8", "surrogatepass")
        put_unsigned(out, len(encoded))
        out += encoded + bytes(32)
        put_unsigned(out, 0)
    return bytes(out)


HOSTILE = [
    "/etc/passwd",
    "../x",
    "a/../../x",
    "a/..",
    "..",
    ".",
    "a/./b",
    "a//b",
    "a/",
    "",
    "C:/x",
    "c:x",
    "a\\b",
    "..\\x",
    "a\0b",
    ".sapwood/store/x",
    ".SAPWOOD/x",
    "a/.sapwood/x",
    ".sapwood. /x",
    "x" * 256,
    "/".join("a" * 65),
    "\ud800",
]


@pytest.mark.parametrize("path", HOSTILE)
def test_a_tree_with_a_hostile_path_is_refused(path: str) -> None:
    with pytest.raises(BadData):
        Tree.decode(raw_tree(path))


@pytest.mark.parametrize("paths", [("b", "a"), ("a", "a"), ("a", "a/b"), ("a", "a-b", "a/b")])
def test_a_tree_out_of_order_or_with_a_clash_is_refused(paths: tuple[str, ...]) -> None:
    with pytest.raises(BadData):
        Tree.decode(raw_tree(*paths))


def test_a_count_that_cannot_be_takes_no_memory() -> None:
    for count in (limits.MAX_TREE_ENTRIES, 1 << 60):
        out = bytearray([1])
        put_unsigned(out, count)
        with pytest.raises(BadData):
            Tree.decode(bytes(out))


def test_another_version_is_refused_by_name() -> None:
    with pytest.raises(BadData, match="another version"):
        Tree.decode(b"\x02" + SAMPLES[0][1][1:])


@pytest.mark.parametrize(
    "notes",
    [
        {"metrics": {"": 1.0}},
        {"metrics": {"a": True}},
        {"metrics": {"a": "1"}},
        {"fields": {"a": "\ud800"}},
        {"fields": {"a": 5}},
        {"message": "x" * (limits.MAX_MESSAGE_BYTES + 1)},
        {"author": Signature("A", 1 << 60)},
        {"author": Signature("A", 1, 1440)},
        {"parents": (bytes(32), bytes(32))},
    ],
)
def test_what_no_commit_can_say_is_a_wrong_call(notes: dict[str, object]) -> None:
    facts: dict[str, object] = {
        "tree": bytes(32),
        "parents": (),
        "author": Signature("A", 1),
        "committer": Signature("A", 1),
        "message": "m",
    }
    with pytest.raises(WrongCall):
        Commit(**(facts | notes)).encode()  # type: ignore[arg-type]
