"""From the outbox to the channels: claim, one message per group, send, settle.

A message counts as sent only after the provider's answer. Whoever is killed in between leaves a
claim that lapses, and the message goes out again with the same event ids: at least once.
"""

from ntp_checker.outbox.database import Compose, DatabaseOutbox
from ntp_checker.outbox.heirs import Heirs
from ntp_checker.outbox.lane import OnTried
from ntp_checker.outbox.outbox import Fallbacks, Outbox
from ntp_checker.outbox.waiting import Waiting, of_channel

__all__ = [
    "Compose",
    "DatabaseOutbox",
    "Fallbacks",
    "Heirs",
    "OnTried",
    "Outbox",
    "Waiting",
    "of_channel",
]
