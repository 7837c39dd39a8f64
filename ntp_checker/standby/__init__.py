"""People hear of a broken clock also while the database is away.

The spool has a copy of what the database said of alerts with the last batch it took, and each
sample since. The same `advance` over the same samples gives the same transitions with the same
event ids on either path, so what was told here is found again there.

Who has the say is decided in one process, and there is one moment at which it changes:

- Away is: a sample has waited for AWAY_S, and the database has taken none for as long. From then on
  the database's outbox claims nothing, samples are followed here, whom to tell is noted in the
  spool, and lanes send what is noted. A note says what the provider answered before the next one
  is sent: a kill doubles at most what was under way, with the same event ids.
- Before each batch the writer asks the database something. Only when it has answered does all here
  stop: what is under way is waited for, nothing new is decided or claimed. A frozen database
  does not answer, one that flaps fails the batch: then all goes on here at once.
- The batch's transaction stores the samples' transitions and, of each that was noted, what became
  of it: accepted, given up and suppressed as they are, with their messages; the others wait in the
  outbox. When it is committed, the spool notes the samples as committed and drops these notes in
  one transaction; then the database's outbox may claim again. It may not while notes are left, or
  samples that waited for longer than AWAY_S, so that old news are one digest.
- Whether a commit whose answer was lost took place is not known: after a batch that failed the
  database's outbox claims nothing until one has succeeded, all goes on here, and the next batch
  brings the notes again, which settle what waits in the database.
"""

from ntp_checker.standby.details import read_noted_details
from ntp_checker.standby.outbox import ComposeNoted, SpoolOutbox
from ntp_checker.standby.standby import AWAY_S, Standby

__all__ = ["AWAY_S", "ComposeNoted", "SpoolOutbox", "Standby", "read_noted_details"]
