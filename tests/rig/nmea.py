"""What a GPS receiver says: NMEA 0183 sentences with the current time and a fixed position.

The position is made up and easy to find: a test that greps for POSITION_TEXTS proves that it
leaked nowhere.
"""

import random
from datetime import datetime
from enum import Enum

LATITUDE_DEG = 12.345678
LONGITUDE_DEG = 98.765432
ALTITUDE_M = 1357.9
_LATITUDE_NMEA = "1220.74068,N"
_LONGITUDE_NMEA = "09845.92592,E"
#: Beginnings of the numbers above, as NMEA and JSON write them.
POSITION_TEXTS = ("12.3456", "98.7654", "1220.740", "9845.925", "1357.9")

#: PRN, elevation in degrees, azimuth in degrees, signal strength in dB-Hz. The first eight are used.
_SATELLITES = (
    (2, 61, 120, 44),
    (5, 48, 310, 42),
    (9, 35, 45, 40),
    (12, 72, 200, 46),
    (15, 22, 270, 36),
    (21, 18, 95, 34),
    (25, 54, 15, 43),
    (29, 41, 160, 41),
    (3, 11, 230, 27),
    (7, 8, 340, 24),
    (8, 6, 75, 21),
)
_USED_3D = 8
_USED_2D = 3


class GpsFeed(Enum):
    """What a host's receiver says, and how far it gets."""

    FIX_3D = "fix_3d"
    FIX_2D = "fix_2d"
    NO_FIX = "no_fix"  #: satellites in sight, none used
    EMPTY_SKY = "empty_sky"  #: talks, sees nothing, has no time
    SILENT = "silent"  #: the receiver is there and says nothing
    GARBAGE = "garbage"  #: line noise
    NONE = "none"  #: no gpsd runs
    NO_GPSPIPE = "no_gpspipe"  #: gpsd runs with a 3D fix, but gpspipe is not installed


#: Feeds that have gpsd running.
GPSD_FEEDS = frozenset(GpsFeed) - {GpsFeed.NONE}
#: TPV mode that gpsd ends up with. Source: gpsd_json(5).
FEED_MODES = {
    GpsFeed.FIX_3D: 3,
    GpsFeed.FIX_2D: 2,
    GpsFeed.NO_FIX: 1,
    GpsFeed.NO_GPSPIPE: 3,
}
_NOISE = random.Random(20260102)


def sentence(body: str) -> str:
    """A sentence with its checksum: exclusive or of the characters between $ and *."""
    checksum = 0
    for character in body:
        checksum ^= ord(character)
    return f"${body}*{checksum:02X}\r\n"


def burst(feed: GpsFeed, receiver_time: datetime) -> bytes:
    """What the receiver says in one cycle; `receiver_time` is its own idea of UTC."""
    if feed is GpsFeed.SILENT:
        return b""
    if feed is GpsFeed.GARBAGE:
        return _NOISE.randbytes(400)
    if feed is GpsFeed.EMPTY_SKY:
        bodies = ["GPGGA,,,,,,0,00,99.99,,,,,,", "GPGSA,A,1" + "," * 12 + ",99.9,99.9,99.9"]
        return _join([*bodies, "GPGSV,1,1,00", "GPRMC,,V,,,,,,,,,,N"])
    clock = f"{receiver_time:%H%M%S}.{receiver_time.microsecond // 10_000:02d}"
    if feed is GpsFeed.NO_FIX:
        bodies = [f"GPGGA,{clock},,,,,0,00,99.99,,,,,,"]
        bodies += ["GPGSA,A,1" + "," * 12 + ",99.9,99.9,99.9", *_satellites_in_view()]
        return _join([*bodies, f"GPRMC,{clock},V,,,,,,,{receiver_time:%d%m%y},,,N"])
    used = _USED_2D if feed is GpsFeed.FIX_2D else _USED_3D
    mode = 2 if feed is GpsFeed.FIX_2D else 3
    place = f"{_LATITUDE_NMEA},{_LONGITUDE_NMEA}"
    height = "" if feed is GpsFeed.FIX_2D else f"{ALTITUDE_M}"
    prns = [f"{prn:02d}" for prn, *_ in _SATELLITES[:used]] + [""] * (12 - used)
    return _join(
        [
            f"GPGGA,{clock},{place},1,{used:02d},0.9,{height},M,-30.0,M,,",
            f"GPGSA,A,{mode},{','.join(prns)},1.6,0.9,1.3",
            *_satellites_in_view(),
            f"GPRMC,{clock},A,{place},0.00,,{receiver_time:%d%m%y},,,A",
        ]
    )


def _satellites_in_view() -> list[str]:
    groups = [_SATELLITES[start : start + 4] for start in range(0, len(_SATELLITES), 4)]
    return [
        f"GPGSV,{len(groups)},{number},{len(_SATELLITES)},"
        + ",".join(f"{prn:02d},{el:02d},{az:03d},{snr:02d}" for prn, el, az, snr in group)
        for number, group in enumerate(groups, start=1)
    ]


def _join(bodies: list[str]) -> bytes:
    return "".join(sentence(body) for body in bodies).encode("ascii")
