"""Rounds that wait for the database."""

from datetime import timedelta

from ntp_checker.model import Judgement, ProblemCode, Severity
from ntp_checker.own_rounds import KEPT_ALIKE, KEPT_ROUNDS, KeptRounds
from ntp_checker.rules.judgements import judge_state
from tests.made_samples import NOW


def spool(severity: Severity | None) -> Judgement:
    return judge_state(ProblemCode.SPOOL_BACKLOG, severity, "", subject="one")


BAD, GOOD = spool(Severity.CRITICAL), spool(None)


def kept(*judgements: Judgement) -> KeptRounds:
    """A round a second."""
    rounds = KeptRounds()
    for number, judgement in enumerate(judgements):
        rounds.add([judgement], float(number))
    return rounds


def test_rounds_when_read_then_each_at_its_time_by_the_clock_of_that_moment() -> None:
    rounds = kept(BAD, GOOD).as_of(NOW, 11.0)

    assert [one.at for one in rounds] == [NOW - timedelta(seconds=11), NOW - timedelta(seconds=10)]
    assert [one.judgements for one in rounds] == [(BAD,), (GOOD,)]


def test_rounds_when_alike_for_long_then_the_first_few_and_the_newest_are_kept() -> None:
    rounds = kept(*[BAD] * 10_000).as_of(NOW, 9_999.0)

    assert len(rounds) == KEPT_ALIKE + 1
    assert rounds[0].at == NOW - timedelta(seconds=9_999)
    assert rounds[-1].at == NOW


def test_rounds_when_they_change_all_the_time_then_the_newest_are_kept() -> None:
    rounds = kept(*[BAD, GOOD] * KEPT_ROUNDS).as_of(NOW, 0.0)

    assert len(rounds) == KEPT_ROUNDS
    assert rounds[-1].judgements == (GOOD,)


def test_rounds_when_cleared_then_none() -> None:
    rounds = kept(BAD)
    rounds.clear()

    assert rounds.as_of(NOW, 0.0) == []
