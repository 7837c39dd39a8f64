"""Framing: what stands between our marks, whatever login shells and programs print around it."""

import subprocess
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ntp_checker.collect.commands import CHRONY_MAX_BYTES, chrony_command, gps_command
from ntp_checker.collect.frames import FramedPart, host_time, require_part, split_frames
from ntp_checker.errors import CommandFailed, DeadlineMissed


def frame(word: str, output: bytes, exit_status: int = 0) -> bytes:
    begin, end = f"@ntp-checker begin {word}\n", f"\n@ntp-checker end {word} {exit_status}\n"
    return begin.encode() + output + end.encode()


def part(output: bytes = b"", exit_status: int = 0, program: str = "chronyc") -> FramedPart:
    return FramedPart(program=program, output=output, exit_status=exit_status)


@pytest.mark.parametrize("output", [b"", b"\n", b"a", b"a\n", b"a\n\nb\n", b"\x00\xff\r\n"])
def test_output_when_framed_then_it_comes_back_byte_for_byte(output: bytes) -> None:
    assert split_frames(frame("tracking", output)) == {"tracking": part(output)}


def test_parts_when_several_then_each_has_its_own_output_and_exit_status() -> None:
    parts = split_frames(frame("date", b"1.5\n") + frame("sources", b"506", 1))

    assert parts == {"date": part(b"1.5\n", program="date"), "sources": part(b"506", 1)}


def test_noise_when_around_the_frames_then_dropped() -> None:
    noise = b"Last login: today\n\x1b]0;title\x07\n"

    parts = split_frames(noise + frame("date", b"1.5") + noise + frame("tracking", b"x") + noise)

    assert {word: part.output for word, part in parts.items()} == {"date": b"1.5", "tracking": b"x"}


@pytest.mark.parametrize(
    "cut",
    [
        b"@ntp-checker begin tracking\nC0000201",
        b"@ntp-checker begin tracking\nC0000201\n@ntp-checker end tracking",
        b"@ntp-checker begin tracking\nC0000201\n@ntp-checker end sources 0\n",
        b"@ntp-checker begin tracking\nC0000201@ntp-checker end tracking 0\n",
        b"C0000201\n@ntp-checker end tracking 0\n",
        b"@ntp-checker begin \nC0000201\n@ntp-checker end  0\n",
    ],
)
def test_part_when_not_whole_then_not_there(cut: bytes) -> None:
    assert split_frames(cut) == {}


def test_part_when_ended_twice_then_the_first_end_counts() -> None:
    again = b"more\n@ntp-checker end tracking 1\n"

    assert split_frames(frame("tracking", b"x") + again) == {"tracking": part(b"x")}


def test_part_when_begun_anew_then_what_came_before_is_dropped() -> None:
    assert split_frames(b"@ntp-checker begin tracking\nold\n" + frame("tracking", b"new")) == {
        "tracking": part(b"new")
    }


def test_frames_when_hostile_then_no_output_is_copied_twice() -> None:
    begun = b"@ntp-checker begin a\n"
    body = b"\n" * (CHRONY_MAX_BYTES // 2)
    ends = b"@ntp-checker end a 0\n" * (CHRONY_MAX_BYTES // 2 // 21)

    parts = split_frames(begun + body + ends)

    assert {word: len(part.output) for word, part in parts.items()} == {"a": len(body) - 1}


def test_frames_when_only_begun_then_memory_stays_with_the_input() -> None:
    output = b"@ntp-checker begin a\n" * (CHRONY_MAX_BYTES // 21)
    tracemalloc.start()
    try:
        parts = split_frames(output)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert parts == {}
    assert peak < 8 * len(output)


@pytest.mark.parametrize("exit_status", [124, 137])
def test_part_when_its_time_ran_out_then_deadline_missed(exit_status: int) -> None:
    with pytest.raises(DeadlineMissed, match="chronyc did not answer in time"):
        require_part({"tracking": part(exit_status=exit_status)}, "tracking")


@pytest.mark.parametrize(
    ("exit_status", "reason"),
    [
        (127, "not installed"),
        (126, "not executable"),
        (139, "exit status 139"),
        (2, "exit status 2"),
    ],
)
def test_part_when_the_program_failed_then_command_failed(exit_status: int, reason: str) -> None:
    with pytest.raises(CommandFailed, match=reason):
        require_part({"tracking": part(b"sh: chronyc", exit_status)}, "tracking")


def test_part_when_the_answer_was_cut_then_command_failed() -> None:
    with pytest.raises(CommandFailed, match="sources: the answer ends before"):
        require_part({}, "sources")


def test_part_when_exit_1_is_explained_then_it_is_the_parsers() -> None:
    explained = part(b"506 Cannot talk to daemon\n", 1)

    assert require_part({"tracking": explained}, "tracking") is explained


def test_part_when_exit_1_without_a_word_then_command_failed() -> None:
    with pytest.raises(CommandFailed, match="no word"):
        require_part({"tracking": part(b" \n", 1)}, "tracking")


def test_host_time_when_date_knows_fractions_then_read() -> None:
    parts = {"date": part(b"1767323045.250000000\n", program="date")}

    assert host_time(parts) == datetime(2026, 1, 2, 3, 4, 5, 250_000, tzinfo=UTC)


@pytest.mark.parametrize(
    "output", [b"1767323045.%N\n", b"1767323045.\n", b"1767323045.N", b"", b"\xff", b"9" * 400]
)
def test_host_time_when_date_says_anything_else_then_none(output: bytes) -> None:
    assert host_time({"date": part(output, program="date")}) is None


def test_host_time_when_date_failed_or_is_missing_then_none() -> None:
    assert host_time({"date": part(b"1767323045.25", 1, program="date")}) is None
    assert host_time({}) is None


def run_with_shell(noise: str, command: str) -> bytes:
    """As sshd does: the login shell runs what its start-up files say, then our command."""
    path = "/nowhere:/usr/bin:/bin"
    script = f"PATH={path}; {noise}\n{command}"
    return subprocess.run(["sh", "-c", script], capture_output=True, check=True).stdout


@pytest.mark.parametrize("noise", [":", "echo hello", "printf '\\033]0;title\\007'", "printf '%%'"])
def test_command_when_the_login_shell_is_noisy_then_the_date_is_read(noise: str) -> None:
    before = datetime.now(UTC)

    read_at = host_time(split_frames(run_with_shell(noise, chrony_command(10))))

    assert read_at is not None
    assert before <= read_at <= datetime.now(UTC)


def test_command_when_a_program_prints_no_last_newline_then_its_end_is_seen(
    tmp_path: Path,
) -> None:
    for name in ("chronyc", "gpspipe"):
        (tmp_path / name).write_text(
            '#!/bin/sh\n[ "$1" != -h ] || exec echo "  -x SEC"\nprintf "%s" "$*"\nexit 1\n'
        )
        (tmp_path / name).chmod(0o755)
    prefix = f"export PATH={tmp_path}:$PATH"

    parts = split_frames(run_with_shell(prefix, chrony_command(10)))
    gps = split_frames(run_with_shell(prefix, gps_command()))

    assert parts["tracking"] == part(b"-c -n tracking", 1)
    assert parts["sources"] == part(b"-c -n sources", 1)
    assert parts["sourcestats"] == part(b"-c -n sourcestats", 1)
    assert gps["gpspipe"] == part(b"-w -uu -x 4", 1, program="gpspipe")


@pytest.mark.parametrize("deadline_s", [0.08, 0.5, 1.0, 9.99, 86_400.0])
def test_command_when_built_then_the_host_ends_it_and_no_quote_is_inside(deadline_s: float) -> None:
    for word, command in (("look", chrony_command(deadline_s)), ("gps", gps_command())):
        assert command.startswith(f": ntp-checker {word}; env LC_ALL=C timeout -k 1 ")
        assert command.count("'") == 2
        assert "!" not in command


def test_command_when_the_first_report_hangs_then_the_others_are_not_asked(
    tmp_path: Path,
) -> None:
    (tmp_path / "chronyc").write_text("#!/bin/sh\nexec sleep 60\n")
    (tmp_path / "chronyc").chmod(0o755)

    parts = split_frames(run_with_shell(f"export PATH={tmp_path}:$PATH", chrony_command(0.5)))

    assert parts["tracking"] == part(exit_status=124)
    assert parts.keys() == {"date", "tracking"}
