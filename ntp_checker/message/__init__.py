"""What people are told of alerts: the same letter as text and as HTML. Pure."""

from ntp_checker.message.clean import clean_line, clean_text
from ntp_checker.message.compose import compose, compose_trial
from ntp_checker.message.links import (
    Link,
    alert_url,
    alerts_url,
    digest_links,
    links_of,
    runbook_url,
)
from ntp_checker.message.notice import (
    AlertNotice,
    FirstTelling,
    MessageState,
    OutgoingMessage,
    SampleLine,
    thread_key,
)
from ntp_checker.message.words import CODE_WORDS, CodeWords, problem_title

__all__ = [
    "CODE_WORDS",
    "AlertNotice",
    "CodeWords",
    "FirstTelling",
    "Link",
    "MessageState",
    "OutgoingMessage",
    "SampleLine",
    "alert_url",
    "alerts_url",
    "clean_line",
    "clean_text",
    "compose",
    "compose_trial",
    "digest_links",
    "links_of",
    "problem_title",
    "runbook_url",
    "thread_key",
]
