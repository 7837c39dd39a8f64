"""Frames and dates, whatever a host puts between and around our marks."""

import os
import re
from datetime import timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ntp_checker.collect.frames import host_time, split_frames

EXAMPLES = int(os.environ.get("NTP_CHECKER_FUZZ_EXAMPLES", "300"))
fuzz = settings(max_examples=EXAMPLES, deadline=None, database=None)

MARKS = st.one_of(
    st.builds(
        lambda edge, word, rest: f"@ntp-checker {edge} {word}{rest}".encode(),
        st.sampled_from(["begin", "end"]),
        st.sampled_from(["date", "tracking", "a", "", "A", "a b"]),
        st.sampled_from(["", " 0", " 1", " 124", " 999", " 1000", " -1", "\r", " "]),
    ),
    st.binary(max_size=10),
)


@fuzz
@given(st.lists(MARKS, max_size=30).map(b"\n".join))
@example(b"@ntp-checker begin a\n" * 1_000)
@example(b"@ntp-checker begin a\n\n@ntp-checker end a 0\n" * 500)
def test_frames_when_given_any_lines_then_parts_of_what_was_there(output: bytes) -> None:
    parts = split_frames(output)

    assert sum(len(part.output) for part in parts.values()) <= len(output)
    for word, part in parts.items():
        assert re.fullmatch("[a-z]+", word)
        assert part.output in output
        assert b"@ntp-checker begin " + word.encode() + b"\n" in output
        assert 0 <= part.exit_status <= 999


@fuzz
@given(st.binary(max_size=60))
def test_host_time_when_date_says_anything_then_utc_or_none(said: bytes) -> None:
    framed = b"@ntp-checker begin date\n" + said + b"\n@ntp-checker end date 0\n"
    at = host_time(split_frames(framed))

    assert at is None or at.utcoffset() == timedelta(0)
