"""Bytes of a monitored host -> types, or MalformedOutput. Pure: no I/O, no clock, no log."""
