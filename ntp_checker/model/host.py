"""What is watched, and what is still good there."""

from dataclasses import dataclass, field

from ntp_checker.model.words import HasGps, Role, Severity

#: Where sshd listens if nothing else is said. Source: ssh_config(5), Port.
SSH_PORT = 22


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is still good, for one host. Defaults are those of a plain NTP server or client."""

    offset_warning_s: float = 0.010
    offset_critical_s: float = 0.050
    error_bound_warning_s: float = 0.100
    error_bound_critical_s: float = 1.0
    stratum_warning: int = 4  #: above it
    sources_min: int = 3  #: usable sources wanted
    source_polls_min: int = 6  #: of the last 8
    reference_age_warning_ratio: float = 4.0  #: times the larger of update interval and poll
    reference_age_critical_ratio: float = 16.0
    frequency_warning_ppm: float = 100.0
    skew_warning_ppm: float = 100.0
    satellites_used_min: int = 4
    gps_time_lag_min_s: float = -0.1  #: of a receiver's report behind the second that it tells
    gps_time_lag_max_s: float = 1.0
    gps_severity: Severity = Severity.WARNING  #: of gps_unavailable and gps_silent
    local_reference_judged: bool = True


DEFAULT_LIMITS: dict[Role, Limits] = {
    Role.SERVER: Limits(),
    Role.ISOLATED: Limits(local_reference_judged=False),
    Role.GPS_SERVER: Limits(
        offset_warning_s=100e-6,
        offset_critical_s=1e-3,
        error_bound_warning_s=5e-3,
        error_bound_critical_s=50e-3,
        gps_severity=Severity.CRITICAL,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One host that we watch."""

    name: str  #: unique; default: the address
    address: str  #: DNS name or IP address; "" for this machine (`local`)
    port: int = SSH_PORT
    user: str | None = None  #: None: the account the checker runs as
    role: Role = Role.SERVER
    group: str | None = None  #: as named in the settings
    has_gps: HasGps = HasGps.AUTO
    limits: Limits = field(default_factory=Limits)

    @property
    def is_local(self) -> bool:
        """True for the machine the checker runs on: no SSH."""
        return self.address == ""

    @property
    def target(self) -> str:
        """`[user@]host[:port]` as it is written in the settings; IPv6 in brackets."""
        if self.is_local:
            return "local"
        host = f"[{self.address}]" if ":" in self.address else self.address
        user = f"{self.user}@" if self.user else ""
        port = f":{self.port}" if self.port != SSH_PORT else ""
        return f"{user}{host}{port}"

    @property
    def known_hosts_name(self) -> str:
        """How known_hosts names it: the address, with the port if it is not 22."""
        return self.address if self.port == SSH_PORT else f"[{self.address}]:{self.port}"
