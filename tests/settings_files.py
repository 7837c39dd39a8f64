"""Settings files for tests: written into the present folder and loaded as the product does."""

from pathlib import Path

import pytest

from ntp_checker.config import Configuration, Settings, load_configuration
from ntp_checker.errors import ConfigError


def load(content: str | bytes, **environ: str) -> Configuration:
    file = Path("hosts.yaml")
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return load_configuration({"NTP_CHECKER_CONFIG": str(file), **environ})


def settings(content: str | bytes, **environ: str) -> Settings:
    return load(content, **environ).settings


def mistakes(content: str | bytes, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(content, **environ)
    return str(caught.value).splitlines()


#: Of no password that anybody knows.
HASH = (
    "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA"
    "$RdescudvJCsgt3ub+b3ExkFHGnDWLBd/9wHD2hmdM5c"
)

FULL = """\
interval_s: 10
deadline_s: 2.5
ssh_user: ntp
store_position: true
archive_days: 30
listen: "[::1]:80"
limits:
  offset_warning_s: 5e-3
  skew_warning_ppm: 20
roles:
  gps_server:
    limits: {satellites_used_min: 6, skew_warning_ppm: 10}
groups:
  roof:
    limits:
      skew_warning_ppm: 5
hosts:
  - ntp1.example.org
  - target: root@gps1.example.org:2222
    name: gps1
    role: gps_server
    group: roof
    has_gps: yes
    limits:
      gps_severity: warning
      local_reference_judged: off
"""
