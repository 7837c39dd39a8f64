"""The twelve hosts and what happens to them, told in times before (-) and after the start. Pure.

| host | story |
|---|---|
| gps-oslo | receiver with a PPS, nothing happens: what a good day looks like |
| gps-bergen | nothing but its receiver; no fix 9 days ago for 14 h, and again since 5 h ago until 3 h after the start: the clock holds over, its error bound grows, and all comes back |
| gps-tromso | an antenna among houses; snow on it 30 h ago for 3 h and 20 days ago for 2 days: too few satellites |
| ntp-core-1 | a leap second announced by mistake since yesterday: for information only |
| ntp-core-2 | one of its sources tells a wrong time since 3 days ago: a falseticker |
| edge-03 | a line whose two directions differ more the busier it is; a detour 60 days ago for 2 days |
| edge-07 | away for a whole day, 4 days ago |
| edge-11 | its clock jumped 80 ms ahead 10 h ago and was slewed back |
| edge-19 | a line that goes down: since 40 min ago until 2 h after the start, then every 8 h for half an hour |
| db-02 | its cooling failed 40 days ago for 30 h |
| pi-home | a small computer at home, over DSL |
| lab-new | set up 6 h ago, its sources never answered: never synchronised |

All addresses are of the ranges set apart for documentation (RFC 5737).
"""

from dataclasses import replace

from ntp_checker.demo.clock import Quartz
from ntp_checker.demo.host import HostSpec
from ntp_checker.demo.receiver import ReceiverSpec
from ntp_checker.demo.sky import Antenna
from ntp_checker.demo.source import SourceSpec
from ntp_checker.demo.surroundings import DAY_S, HOUR_S, Room, Spell, Spells
from ntp_checker.model import DEFAULT_LIMITS, HasGps, Host, Role, SourceMode, SourceState

#: How far ahead edge-19's line is known to fail: longer than anybody watches a demo.
FORESEEN_S = 60 * DAY_S


def make_fleet(now_s: float) -> tuple[HostSpec, ...]:
    """All hosts, by name; `now_s` is the start of the demo in epoch seconds."""
    hosts = (*_gps_hosts(now_s), *_core_hosts(now_s), *_edge_hosts(now_s), *_other_hosts(now_s))
    return tuple(sorted(hosts, key=lambda spec: spec.host.name))


def _between(now_s: float, from_h: float, to_h: float, amount: float = 0.0) -> Spells:
    """One spell, in hours before (-) and after the start."""
    return (Spell(from_s=now_s + from_h * HOUR_S, to_s=now_s + to_h * HOUR_S, amount=amount),)


def _host(name: str, role: Role = Role.SERVER) -> Host:
    has_gps = HasGps.YES if role is Role.GPS_SERVER else HasGps.NO
    return Host(
        name=name,
        address=f"{name}.example",
        user="ntpwatch",
        role=role,
        has_gps=has_gps,
        limits=DEFAULT_LIMITS[role],
    )


def _server(address: str, **more: float | Spells | SourceState) -> SourceSpec:
    """A stratum 1 server on the Internet, 9 ms away; `more` replaces fields."""
    usual = SourceSpec(
        address=address,
        noise_s=90e-6,
        delay_s=9e-3,
        load_delay_s=2e-3,
        asymmetry_s=120e-6,
        root_dispersion_s=150e-6,
        loss_ratio=0.003,
        poll_min_log2_s=6,
        poll_max_log2_s=8,
    )
    return replace(usual, **more)  # type: ignore[arg-type]  # fields of SourceSpec, by name


def _own(address: str, **more: float | Spells | SourceState) -> SourceSpec:
    """A stratum 1 server of the fleet, in the same building."""
    usual = _server(address, noise_s=14e-6, delay_s=420e-6, load_delay_s=150e-6)
    usual = replace(usual, asymmetry_s=9e-6, root_dispersion_s=20e-6, loss_ratio=0.0003)
    return replace(usual, **more)  # type: ignore[arg-type]  # fields of SourceSpec, by name


def _refclocks(noise_s: float, away: Spells = ()) -> tuple[SourceSpec, SourceSpec]:
    """A receiver's pulse, and its sentences over the serial line."""
    pulse = SourceSpec(
        address="PPS",
        refid="50505300",
        mode=SourceMode.REFCLOCK,
        stratum=0,
        noise_s=noise_s,
        delay_s=0.0,
        loss_ratio=0.0,
        poll_min_log2_s=4,
        poll_max_log2_s=4,
        away=away,
    )
    sentences = replace(
        pulse,
        address="NMEA",
        refid="4E4D4541",
        noise_s=6e-3,
        bias_s=-3e-3,
        root_dispersion_s=0.05,
        state=SourceState.SELECTABLE,
    )
    return pulse, sentences


_BACKUP = (
    _server("192.0.2.10", state=SourceState.SELECTABLE),
    _server("198.51.100.20", delay_s=14e-3, state=SourceState.SELECTABLE),
)


def _gps_hosts(now_s: float) -> tuple[HostSpec, ...]:
    unplugged = (*_between(now_s, -9 * 24, -9 * 24 + 14), *_between(now_s, -5, 3))
    snow = (
        *_between(now_s, -30, -27, 40.0),
        *_between(now_s, -20 * 24, -18 * 24, 38.0),
    )
    return (
        HostSpec(
            host=_host("gps-oslo", Role.GPS_SERVER),
            quartz=Quartz(freq_ppm=-7.4, ppm_per_k=0.03, wander_ppm=1.5e-5),
            room=Room(daily_c=0.8, control_c=0.25),
            sources=(*_refclocks(220e-9), *_BACKUP),
            receiver=ReceiverSpec(
                device="/dev/ttyAMA0", antenna=Antenna(tilt_rad=0.8, turn_rad=0.4)
            ),
        ),
        HostSpec(
            host=_host("gps-bergen", Role.GPS_SERVER),
            quartz=Quartz(freq_ppm=11.9, ppm_per_k=0.06, wander_ppm=3e-5),
            room=Room(daily_c=1.6),
            sources=_refclocks(400e-9, unplugged),
            receiver=ReceiverSpec(
                device="/dev/ttyS0",
                antenna=Antenna(tilt_rad=0.7, turn_rad=2.9, mask_deg=10.0),
                deaf=unplugged,
            ),
        ),
        HostSpec(
            host=_host("gps-tromso", Role.GPS_SERVER),
            quartz=Quartz(freq_ppm=3.2, ppm_per_k=0.05, wander_ppm=2e-5),
            room=Room(mean_c=19.0, daily_c=2.0),
            sources=(*_refclocks(300e-9), *_BACKUP),
            receiver=ReceiverSpec(
                device="/dev/ttyS0",
                antenna=Antenna(
                    tilt_rad=0.9,
                    turn_rad=5.1,
                    mask_deg=14.0,
                    blocked_deg=(80.0, 200.0),
                    blocked_mask_deg=42.0,
                    shade=snow,
                ),
                gain_dbhz=25.0,
            ),
        ),
    )


def _core_hosts(now_s: float) -> tuple[HostSpec, ...]:
    return (
        HostSpec(
            host=_host("ntp-core-1"),
            quartz=Quartz(freq_ppm=-21.6),
            room=Room(daily_c=0.5),
            sources=(_own("203.0.113.1"), _own("203.0.113.3"), *_BACKUP),
            leap_announced=_between(now_s, -26, 20 * 24),
        ),
        HostSpec(
            host=_host("ntp-core-2"),
            quartz=Quartz(freq_ppm=-19.3),
            room=Room(daily_c=0.5),
            sources=(
                _own("203.0.113.1"),
                _own("203.0.113.3", bias_s=3e-6),
                _server("192.0.2.10"),
                _server("198.51.100.31", lies=_between(now_s, -72, FORESEEN_S, 0.037)),
            ),
        ),
    )


def _edge_hosts(now_s: float) -> tuple[HostSpec, ...]:
    far = {"noise_s": 160e-6, "delay_s": 13e-3, "load_delay_s": 4e-3}
    sources = (
        _server("203.0.113.11", stratum=2, root_delay_s=450e-6, root_dispersion_s=120e-6),
        _server("203.0.113.12", stratum=2, root_delay_s=450e-6, root_dispersion_s=120e-6),
        _server("192.0.2.10", **far),
        _server("198.51.100.20", **far),
    )
    uneven = replace(
        sources[0],
        asymmetry_s=1.4e-3,
        load_delay_s=6e-3,
        noise_s=240e-6,
        lies=_between(now_s, -60 * 24, -58 * 24, -2.4e-3),
    )
    outages = _between(now_s, -40 / 60, 2)
    for hour in range(8, int(FORESEEN_S / HOUR_S), 8):
        outages = (*outages, *_between(now_s, hour, hour + 0.5))
    return (
        HostSpec(
            host=_host("edge-03"),
            quartz=Quartz(freq_ppm=14.8, ppm_per_k=0.09, wander_ppm=5e-5),
            room=Room(daily_c=3.0),
            sources=(uneven, *sources[1:]),
            round_trip_s=0.031,
        ),
        HostSpec(
            host=_host("edge-07"),
            quartz=Quartz(freq_ppm=-3.9, ppm_per_k=0.07, wander_ppm=4e-5),
            room=Room(daily_c=2.2),
            sources=sources,
            round_trip_s=0.024,
            away=_between(now_s, -4 * 24 - 24, -4 * 24),
        ),
        HostSpec(
            host=_host("edge-11"),
            quartz=Quartz(freq_ppm=27.0, ppm_per_k=0.08, wander_ppm=5e-5),
            room=Room(daily_c=2.8, warmest_h=17.0),
            sources=sources,
            round_trip_s=0.027,
            steps=_between(now_s, -10, -10, 0.080),
        ),
        HostSpec(
            host=_host("edge-19"),
            quartz=Quartz(freq_ppm=6.1, ppm_per_k=0.08, wander_ppm=5e-5),
            room=Room(daily_c=2.5),
            sources=sources,
            round_trip_s=0.045,
            away=outages,
        ),
    )


def _other_hosts(now_s: float) -> tuple[HostSpec, ...]:
    core = (
        _own("203.0.113.11", stratum=2, root_delay_s=450e-6, root_dispersion_s=90e-6),
        _own("203.0.113.12", stratum=2, root_delay_s=450e-6, root_dispersion_s=90e-6),
        _own("203.0.113.1"),
    )
    pool = {
        "stratum": 2,
        "noise_s": 700e-6,
        "delay_s": 24e-3,
        "load_delay_s": 15e-3,
        "root_delay_s": 5e-3,
        "root_dispersion_s": 900e-6,
        "loss_ratio": 0.02,
        "steady_samples": 12,
    }
    nobody = _between(now_s, -7, FORESEEN_S)
    return (
        HostSpec(
            host=_host("db-02"),
            quartz=Quartz(freq_ppm=-12.7, ppm_per_k=0.11, wander_ppm=3e-5),
            room=Room(daily_c=0.9, spells=_between(now_s, -40 * 24, -40 * 24 + 30, 13.0)),
            sources=core,
            round_trip_s=0.003,
        ),
        HostSpec(
            host=_host("pi-home"),
            quartz=Quartz(freq_ppm=-5.2, ppm_per_k=0.35, wander_ppm=3e-4, white_s=2e-8),
            room=Room(mean_c=22.0, daily_c=3.5, control_c=1.2, control_period_s=2_700.0),
            sources=(
                _server("192.0.2.41", asymmetry_s=2.2e-3, **pool),
                _server("192.0.2.77", asymmetry_s=1.7e-3, **pool),
                _server("198.51.100.5", asymmetry_s=-0.4e-3, **pool),
                _server("198.51.100.90", asymmetry_s=1.1e-3, **pool),
            ),
            round_trip_s=0.062,
        ),
        HostSpec(
            host=_host("lab-new"),
            quartz=Quartz(freq_ppm=-31.0),
            room=Room(),
            sources=tuple(replace(source, away=nobody) for source in core),
            since_s=now_s - 6 * HOUR_S,
        ),
    )
