"""Why a source is not followed: chronyc's selectdata, and what is said of it."""

from dataclasses import replace

import pytest

from ntp_checker.errors import CommandFailed, MalformedOutput
from ntp_checker.model import DEFAULT_LIMITS, ProblemCode, Role, Selection, SourceState
from ntp_checker.parse.chrony import join_selections, parse_selectdata
from ntp_checker.rules.sources import judge_sources
from tests.made_samples import SAMPLE, SOURCES

LINE = b"%s,192.0.2.1,N,-,-,-,-,-,-,-,-,-,-,0,1.0,-0.000012000,0.000013000,N\n"


@pytest.mark.parametrize(
    ("letter", "selection"),
    [
        (b"N", Selection.NOSELECT),
        (b"s", Selection.UNSYNCHRONISED),
        (b"M", Selection.FEW_SAMPLES),
        (b"d", Selection.DISTANT),
        (b"~", Selection.JITTERY),
        (b"w", Selection.WAITS_FOR_SAMPLES),
        (b"S", Selection.STALE),
        (b"O", Selection.ORPHAN),
        (b"T", Selection.NOT_TRUSTED),
        (b"x", Selection.FALSETICKER),
        (b"W", Selection.WAITS_FOR_SOURCES),
        (b"P", Selection.NOT_PREFERRED),
        (b"U", Selection.WAITS_FOR_UPDATE),
        (b"D", Selection.TOO_DISTANT_TO_COMBINE),
        (b"+", Selection.COMBINED),
        (b"*", Selection.SELECTED),
    ],
)
def test_letter_when_known_then_its_reason(letter: bytes, selection: Selection) -> None:
    assert parse_selectdata(LINE % letter) == {"192.0.2.1": selection}


def test_letter_when_of_a_later_release_then_it_says_nothing() -> None:
    assert parse_selectdata(LINE % b"?") == {}


def test_selectdata_when_refused_then_command_failed() -> None:
    with pytest.raises(CommandFailed, match="501"):
        parse_selectdata(b"501 Not authorised\n")


def test_selectdata_when_fields_are_missing_then_malformed() -> None:
    with pytest.raises(MalformedOutput):
        parse_selectdata(b"*,192.0.2.1,N\n")


def test_source_when_nothing_is_said_of_it_then_no_reason() -> None:
    joined = join_selections(SOURCES, {SOURCES[0].address: Selection.DISTANT})

    assert [source.selection for source in joined[:2]] == [Selection.DISTANT, None]


def test_no_selected_source_when_chronyd_tells_why_then_the_text_does() -> None:
    reasons = (Selection.DISTANT, Selection.UNSYNCHRONISED, Selection.DISTANT)
    sources = tuple(
        replace(SOURCES[0], address=str(i), state=SourceState.UNUSABLE, selection=reason)
        for i, reason in enumerate(reasons)
    )

    judgements = judge_sources(replace(SAMPLE, sources=sources), DEFAULT_LIMITS[Role.SERVER])

    found = next(j for j in judgements if j.code is ProblemCode.NO_SELECTED_SOURCE)
    assert found.text == (
        "none of 3 sources is selected: 2 with a root distance above maxdistance, "
        "1 not synchronised"
    )
