import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sapwood.errors import UnknownRevision
from sapwood.repo.refs import name_fault
from sapwood.repo.revision import Range, Revision, Step, is_prefix, parse_range, parse_revision

names = st.text(st.sampled_from("abcdef0189/-_.x"), min_size=1, max_size=12).filter(
    lambda name: name_fault("refs/heads/" + name) is None
)
steps = st.lists(
    st.one_of(
        st.integers(0, 999).map(lambda n: (f"~{n}", Step(1, n))),
        st.integers(1, 99).map(lambda n: (f"^{n}", Step(n))),
        st.just(("~", Step(1))),
        st.just(("^", Step(1))),
        st.just(("^0", Step(1, 0))),
    ),
    max_size=5,
)


@given(names, st.none() | st.integers(0, 999), steps)
def test_what_is_written_is_what_is_read(name: str, log: int | None, back: list[tuple[str, Step]]) -> None:
    text = name + ("" if log is None else f"@{{{log}}}")
    text += "".join(written for written, _ in back)
    assert parse_revision(text) == Revision(name, log, tuple(step for _, step in back))


@given(st.text(max_size=20))
@example("a^{tree}")
@example("a~99999999999999999999")
@example("@{-1}")
@example("a@{1}b")
@example("~")
@example("")
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        found = parse_revision(text)
    except UnknownRevision:
        return
    assert found.name


@pytest.mark.parametrize(
    "text", ["", "~1", "^", "a^{tree}", "a^{", "a~1x", "a@{x}", "a@{1}b", "a~" + "9" * 30]
)
def test_what_is_no_revision_is_refused(text: str) -> None:
    with pytest.raises(UnknownRevision):
        parse_revision(text)


def test_an_at_alone_is_head_and_with_a_number_the_branch() -> None:
    assert parse_revision("@~2").name == "HEAD"
    assert parse_revision("@{2}") == Revision("@", 2, ())
    assert parse_revision("HEAD^{commit}^{}^0").steps == (Step(1, 0),)


def test_ranges() -> None:
    assert parse_range("a..b") == Range("a", "b", symmetric=False)
    assert parse_range("a...b") == Range("a", "b", symmetric=True)
    assert parse_range("..b") == Range("HEAD", "b", symmetric=False)
    assert parse_range("a..") == Range("a", "HEAD", symmetric=False)
    assert parse_range("a.b~1") is None


def test_a_prefix_has_four_digits_or_more() -> None:
    assert is_prefix("abcd")
    assert not is_prefix("abc")
    assert not is_prefix("abcg")
    assert not is_prefix("a" * 65)
