"""`chronyc -c sources` and `sourcestats`: real captures, and each field at its edges."""

import pytest

from ntp_checker.errors import MalformedOutput
from ntp_checker.model import SourceMode, SourceState, SourceStats
from ntp_checker.parse.chrony import (
    MAX_SOURCES,
    join_stats,
    parse_reach,
    parse_sources,
    parse_sourcestats,
)
from tests.captures import read_chrony
from tests.not_numbers import NOT_NUMBERS

SOURCE = "^,*,192.0.2.1,1,6,377,3,0.000001265,0.000001174,0.000006121"
STATS = "192.0.2.1,4,3,0,-0.000,503.073,-0.000000000,0.000002862"


def changed(line: str, index: int, text: str) -> bytes:
    fields = line.split(",")
    fields[index] = text
    return ",".join(fields).encode() + b"\n"


def test_sources_when_healthy_then_selected_among_selectable() -> None:
    sources = parse_sources(read_chrony("healthy", "sources"))

    assert [source.state for source in sources] == [
        SourceState.SELECTABLE,
        SourceState.SELECTABLE,
        SourceState.SELECTED,
    ]
    assert [source.reach for source in sources] == [0o7, 0o17, 0o17]
    assert {source.poll_log2_s for source in sources} == {-2}
    assert sources[2].offset_s == 0.000001265
    assert sources[2].measured_offset_s == 0.000001174
    assert sources[2].error_s == 0.000006121


def test_sources_when_none_is_configured_then_empty() -> None:
    assert parse_sources(read_chrony("no_sources", "sources")) == ()


def test_source_when_never_heard_then_its_zeros_are_none() -> None:
    for source in parse_sources(read_chrony("never_synchronised", "sources")):
        values = (source.last_rx_s, source.offset_s, source.measured_offset_s, source.error_s)
        assert values == (None, None, None, None)


def test_source_when_heard_long_ago_then_its_sample_is_kept() -> None:
    (source,) = parse_sources(changed(SOURCE, 6, "4294967294"))

    assert (source.last_rx_s, source.offset_s) == (4_294_967_294, 0.000001265)


@pytest.mark.parametrize("sign", ["", "-"])
def test_source_offset_when_read_then_its_sign_is_kept(sign: str) -> None:
    (source,) = parse_sources(changed(SOURCE, 7, f"{sign}0.25"))

    assert source.offset_s == float(f"{sign}0.25")


@pytest.mark.parametrize(
    ("mark", "mode"),
    [("^", SourceMode.SERVER), ("=", SourceMode.PEER), ("#", SourceMode.REFCLOCK)],
)
def test_source_mode_when_marked_then_known(mark: str, mode: SourceMode) -> None:
    assert parse_sources(changed(SOURCE, 0, mark))[0].mode is mode


@pytest.mark.parametrize(
    ("mark", "state"),
    [
        ("*", SourceState.SELECTED),
        ("+", SourceState.COMBINED),
        ("-", SourceState.SELECTABLE),
        ("?", SourceState.UNUSABLE),
        ("x", SourceState.FALSETICKER),
        ("~", SourceState.JITTERY),
    ],
)
def test_source_state_when_marked_then_known(mark: str, state: SourceState) -> None:
    assert parse_sources(changed(SOURCE, 1, mark))[0].state is state


@pytest.mark.parametrize(("text", "reach"), [("0", 0), ("1", 1), ("177", 0o177), ("377", 0o377)])
def test_reach_when_printed_then_it_is_octal(text: str, reach: int) -> None:
    assert parse_reach(text) == reach


@pytest.mark.parametrize(
    "text", ["", "400", "8", "9", "0o7", "-1", "+7", "0377", "\uff11", "1_0", " 7"]
)
def test_reach_when_not_eight_octal_bits_then_malformed(text: str) -> None:
    with pytest.raises(MalformedOutput, match="reach"):
        parse_reach(text)


@pytest.mark.parametrize(
    ("column", "text"),
    [
        *((0, mode) for mode in ("", "!", "^^")),
        *((1, state) for state in ("", "X", "**")),
        *((2, name) for name in ("", " ", "a\x1b[0m", "a\x7f", "n" * 256)),
        *((3, stratum) for stratum in ("-1", "17")),
        *((4, poll) for poll in ("-33", "33", "6.0")),
        (5, "400"),
        *((6, last_rx) for last_rx in ("-1", "4294967296", "9" * 5000)),
        *((column, text) for column in (7, 8, 9) for text in NOT_NUMBERS),
        (9, "-0.000001"),
    ],
)
def test_source_field_when_out_of_range_then_malformed(column: int, text: str) -> None:
    with pytest.raises(MalformedOutput):
        parse_sources(changed(SOURCE, column, text))


def test_source_when_one_of_many_is_malformed_then_all_are() -> None:
    with pytest.raises(MalformedOutput, match="source mode"):
        parse_sources(f"{SOURCE}\n{SOURCE}\n".encode() + changed(SOURCE, 0, "?"))


def test_sources_when_at_the_limit_then_taken() -> None:
    assert len(parse_sources(f"{SOURCE}\n".encode() * MAX_SOURCES)) == MAX_SOURCES


def test_sources_when_beyond_the_limit_then_malformed() -> None:
    with pytest.raises(MalformedOutput, match="1001 lines"):
        parse_sources(f"{SOURCE}\n".encode() * (MAX_SOURCES + 1))


def test_malformed_when_the_text_is_endless_then_the_error_is_short() -> None:
    with pytest.raises(MalformedOutput) as caught:
        parse_sources(b"x" * 500_000)

    assert len(caught.value.detail) < 200


def test_sourcestats_when_healthy_then_read() -> None:
    stats = parse_sourcestats(read_chrony("healthy", "sourcestats"))

    assert stats[2] == SourceStats(address="192.0.2.3", samples=4, std_dev_s=0.000002862)


@pytest.mark.parametrize(
    ("column", "text"), [(0, ""), (1, "-1"), (1, "1000001"), (7, "-1e-9"), (7, "nan")]
)
def test_sourcestats_field_when_out_of_range_then_malformed(column: int, text: str) -> None:
    with pytest.raises(MalformedOutput, match="sourcestats"):
        parse_sourcestats(changed(STATS, column, text))


def test_stats_when_joined_then_by_name_and_not_by_row() -> None:
    sources = parse_sources(read_chrony("healthy", "sources"))
    stats = parse_sourcestats(read_chrony("healthy", "sourcestats"))

    joined = join_stats(sources, reversed(stats))

    assert [source.samples for source in joined] == [3, 4, 4]
    assert joined[2].std_dev_s == 0.000002862


def test_stats_when_two_refclocks_share_a_name_then_paired_in_order() -> None:
    sources = parse_sources(changed(SOURCE, 2, "PPS") * 2)
    rows = changed(changed(STATS, 0, "PPS").decode().strip(), 1, "5") + changed(STATS, 0, "PPS")

    assert [s.samples for s in join_stats(sources, parse_sourcestats(rows))] == [5, 4]


def test_stats_when_missing_for_a_source_then_none() -> None:
    (source,) = join_stats(parse_sources(SOURCE.encode()), ())

    assert (source.samples, source.std_dev_s) == (None, None)


@pytest.mark.parametrize(("samples", "std_dev_s"), [("2", None), ("3", 4.0)])
def test_std_dev_when_of_too_few_samples_then_it_is_a_placeholder(
    samples: str, std_dev_s: float | None
) -> None:
    line = changed(changed(STATS, 1, samples).decode().strip(), 7, "4.000000000")

    (source,) = join_stats(parse_sources(SOURCE.encode()), parse_sourcestats(line))

    assert source.std_dev_s == std_dev_s
