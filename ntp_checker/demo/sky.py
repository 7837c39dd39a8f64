"""Satellites over an invented place: circular orbits, an elevation mask, trees. Pure.

The orbits' sizes and tilts are those of the three systems; which satellite is where, and where
the observer stands, is made up, so that no picture of this sky tells of a place on Earth.
"""

import math
from dataclasses import dataclass
from functools import cache

from ntp_checker.demo.surroundings import Spells, amount_of

EARTH_RADIUS_M = 6.371e6
SIDEREAL_DAY_S = 86_164.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Constellation:
    """Satellites of one system, evenly spread over its orbital planes."""

    gnssid: int
    planes: int
    per_plane: int
    radius_m: float
    tilt_deg: float
    period_s: float


CONSTELLATIONS = (
    Constellation(
        gnssid=0, planes=6, per_plane=5, radius_m=2.656e7, tilt_deg=55.0, period_s=43_082.0
    ),
    Constellation(
        gnssid=2, planes=3, per_plane=8, radius_m=2.960e7, tilt_deg=56.0, period_s=50_685.0
    ),
    Constellation(
        gnssid=6, planes=3, per_plane=8, radius_m=2.551e7, tilt_deg=64.8, period_s=40_544.0
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Antenna:
    """An antenna and what it can see."""

    tilt_rad: float  #: of the invented place against the orbits' axis
    turn_rad: float  #: where on its circle that place began
    mask_deg: float = 5.0  #: nothing below it is received
    blocked_deg: tuple[float, float] = (0.0, 0.0)  #: azimuths behind a wall, from and to
    blocked_mask_deg: float = 5.0  #: the mask there
    shade: Spells = ()  #: degrees of mask more: snow on the antenna, a crane before it


@dataclass(frozen=True, slots=True)
class Seen:
    """One satellite in view."""

    gnssid: int
    svid: int
    elevation_deg: int
    azimuth_deg: int


def satellites_in_view(antenna: Antenna, at_s: float) -> list[Seen]:
    """Those above the mask at this moment (epoch seconds), highest first."""
    place = antenna.turn_rad + 2 * math.pi * (at_s % SIDEREAL_DAY_S) / SIDEREAL_DAY_S
    up_x, up_y, up_z = _on_sphere(antenna.tilt_rad, place)
    north_x, north_y, north_z = _on_sphere(antenna.tilt_rad + math.pi / 2, place)
    east_x, east_y = -math.sin(place), math.cos(place)
    shade_deg = amount_of(antenna.shade, at_s)
    seen = []
    for orbit in _orbits():
        along = orbit.first_rad + orbit.rad_per_s * at_s
        to_node, to_side = math.cos(along), math.sin(along)
        x = to_node * orbit.node_x - to_side * orbit.side_x
        y = to_node * orbit.node_y + to_side * orbit.side_y
        z = to_side * orbit.side_z
        height = x * up_x + y * up_y + z * up_z - EARTH_RADIUS_M
        if height <= 0:
            continue
        to_north = x * north_x + y * north_y + z * north_z
        to_east = x * east_x + y * east_y
        elevation_deg = math.degrees(math.atan2(height, math.hypot(to_north, to_east)))
        azimuth_deg = math.degrees(math.atan2(to_east, to_north)) % 360.0
        is_blocked = antenna.blocked_deg[0] <= azimuth_deg < antenna.blocked_deg[1]
        mask_deg = antenna.blocked_mask_deg if is_blocked else antenna.mask_deg
        if elevation_deg >= mask_deg + shade_deg:
            seen.append(
                Seen(orbit.gnssid, orbit.svid, round(elevation_deg), round(azimuth_deg) % 360)
            )
    return sorted(seen, key=lambda one: -one.elevation_deg)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Orbit:
    """A satellite's way: metres along its plane's node and a quarter turn on, stars at rest."""

    gnssid: int
    svid: int
    first_rad: float  #: where on it the satellite was at the epoch
    rad_per_s: float
    node_x: float
    node_y: float
    side_x: float
    side_y: float
    side_z: float


@cache
def _orbits() -> tuple[_Orbit, ...]:
    """All satellites; which of them is where is made up."""
    found = []
    for system in CONSTELLATIONS:
        tilt, radius_m = math.radians(system.tilt_deg), system.radius_m
        for number in range(system.planes * system.per_plane):
            plane, place = divmod(number, system.per_plane)
            node = 2 * math.pi * plane / system.planes + 0.3 * system.gnssid
            found.append(
                _Orbit(
                    gnssid=system.gnssid,
                    svid=number + 1,
                    first_rad=2 * math.pi * (place / system.per_plane + 0.13 * plane),
                    rad_per_s=2 * math.pi / system.period_s,
                    node_x=radius_m * math.cos(node),
                    node_y=radius_m * math.sin(node),
                    side_x=radius_m * math.cos(tilt) * math.sin(node),
                    side_y=radius_m * math.cos(tilt) * math.cos(node),
                    side_z=radius_m * math.sin(tilt),
                )
            )
    return tuple(found)


def _on_sphere(tilt_rad: float, turn_rad: float) -> tuple[float, float, float]:
    return (
        math.cos(tilt_rad) * math.cos(turn_rad),
        math.cos(tilt_rad) * math.sin(turn_rad),
        math.sin(tilt_rad),
    )
