"""NTP Checker: is this clock right, how wrong can it be at most, and who was told."""

__version__ = "0.1.0"
