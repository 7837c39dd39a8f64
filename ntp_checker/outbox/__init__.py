"""From the outbox to the channels: claim, one message per group, send, settle.

A message counts as sent only after the provider's answer. Whoever is killed in between leaves a
claim that lapses, and the message goes out again with the same event ids: at least once.
"""

from ntp_checker.outbox.lane import Compose, OnTried
from ntp_checker.outbox.outbox import Fallbacks, Outbox

__all__ = ["Compose", "Fallbacks", "OnTried", "Outbox"]
