"""What a host, a receiver or a source could write into a message."""

import shlex
import unicodedata
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from ntp_checker.message import OutgoingMessage, clean_line, clean_text
from ntp_checker.model import ProblemCode
from tests.notices import make_message, make_notice

HOSTILE = [
    "a\r\nBcc: everybody@example.org",
    "a\x00b\x1b[31mred",
    "gps\u202e1spg\u2066x\u2069\u200b\ufeff",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "x" * 100_000,
    "line\u2028separator\u2029and\x85next",
    "half \ud83d surrogate",
    "$(reboot); `reboot` && reboot",
    "'; reboot #",
    "-oProxyCommand=reboot",
]
_LINES = ("Cc", "Cf", "Cs", "Zl", "Zp")


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes.update(name for name, _ in attrs)


def one_alert(words: str) -> OutgoingMessage:
    notice = make_notice(
        words,
        ProblemCode.FALSETICKER,
        words,
        reason=words,
        group=words,
        selected_source=words,
        gps=words,
        changes_before=(words, words),
    )
    return make_message(notice)


def digest(words: str) -> OutgoingMessage:
    notices = [make_notice(words, subject=str(n), reason=words, group=words) for n in range(3)]
    return make_message(*notices)


@pytest.fixture(params=[one_alert, digest])
def make(request: pytest.FixtureRequest) -> Callable[[str], OutgoingMessage]:
    return request.param


@pytest.fixture(params=HOSTILE, ids=range(len(HOSTILE)))
def words(request: pytest.FixtureRequest) -> str:
    return request.param


def test_title_when_words_are_hostile_then_one_short_clean_line(make, words: str) -> None:
    title = make(words).title

    assert len(title) <= 200
    assert [c for c in title if unicodedata.category(c) in _LINES] == []


def test_text_when_words_are_hostile_then_only_our_line_ends(make, words: str) -> None:
    text = make(words).text

    assert {c for c in text if unicodedata.category(c) in _LINES} == {"\n"}
    assert len(text) < 10_000


def test_html_when_words_are_hostile_then_only_our_markup(make, words: str) -> None:
    tags = _Tags()
    tags.feed(make(words).html)
    ours = "html head meta title style body div p span h1 h2 table tr th td ul li pre a br"

    assert tags.seen <= {*ours.split()}
    assert not [name for name in tags.attributes if name.startswith("on")]
    assert "src" not in tags.attributes


@pytest.mark.parametrize("host", HOSTILE, ids=range(len(HOSTILE)))
def test_commands_when_host_is_hostile_then_it_is_one_word(host: str) -> None:
    text = make_message(make_notice(host)).text
    line = next(line for line in text.splitlines() if "chronyc -n tracking" in line)
    words = shlex.split(line)

    assert words[0] == "ssh"
    assert words[-3:] == ["chronyc", "-n", "tracking"]
    assert len(words) == (6 if host.startswith("-") else 5)
    assert not words[-4].startswith("-") or words[1] == "--"


@pytest.mark.parametrize(("count", "expected"), [(9, "x" * 9), (10, "x" * 10), (11, "x" * 9 + "…")])
def test_line_when_long_then_cut_at_its_bound(count: int, expected: str) -> None:
    assert clean_line("x" * count, max_chars=10) == expected


def test_text_when_it_has_lines_then_they_stay() -> None:
    assert clean_text("one\r\n\x1btwo\n\n three ") == "one\ntwo\nthree"
