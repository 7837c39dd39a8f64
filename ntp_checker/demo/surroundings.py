"""What disturbs a clock from outside: the room's temperature and the network's load. Pure.

Times are epoch seconds.
"""

import math
from dataclasses import dataclass

DAY_S = 86_400.0
HOUR_S = 3_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spell:
    """Something that holds from one moment to another and adds `amount` meanwhile."""

    from_s: float  #: epoch seconds, included
    to_s: float  #: epoch seconds, not included
    amount: float = 0.0  #: in the unit of what it disturbs

    def holds(self, at_s: float) -> bool:
        """True within it."""
        return self.from_s <= at_s < self.to_s


Spells = tuple[Spell, ...]


def is_within(spells: Spells, at_s: float) -> bool:
    """True while one of them holds."""
    # An any() over them takes three times as long, and this is asked at every poll.
    for spell in spells:  # noqa: SIM110
        if spell.from_s <= at_s < spell.to_s:
            return True
    return False


def amount_of(spells: Spells, at_s: float) -> float:
    """What those that hold add together."""
    return sum(spell.amount for spell in spells if spell.from_s <= at_s < spell.to_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Where a host stands: daily warmth, and a control that switches to and fro."""

    mean_c: float = 24.0
    daily_c: float = 1.5  #: amplitude over the day
    warmest_h: float = 15.0  #: hour of the day, UTC
    control_c: float = 0.3  #: amplitude of the control's cycle
    control_period_s: float = 1_500.0
    spells: Spells = ()  #: heat, in kelvin

    def temperature_c(self, at_s: float) -> float:
        """Air temperature."""
        warm = self.mean_c + self.daily_c * math.cos(
            2 * math.pi * (at_s / DAY_S - self.warmest_h / 24.0)
        )
        # Control switches between heating and not: a triangle, slow against its period.
        phase = at_s / self.control_period_s % 1.0
        warm += self.control_c * (4.0 * abs(phase - 0.5) - 1.0)
        return warm + amount_of(self.spells, at_s) if self.spells else warm


def network_load(at_s: float) -> float:
    """How busy the network is, 0 to 1: nearly idle at night, busiest at 14:00 UTC; less on
    Saturdays and Sundays.
    """
    days = at_s / DAY_S
    by_day = 0.5 + 0.5 * math.cos(2 * math.pi * (days - 14.0 / 24.0))
    weekday = (int(days) + 3) % 7  # 1970-01-01 was a Thursday; 0 = Monday
    return by_day * by_day * (0.45 if weekday >= 5 else 1.0)
