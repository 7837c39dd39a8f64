"""Sample and limits -> Verdict. Pure: no I/O, no clock, no log."""
