"""docs/configuration.md says what is true."""

import re
from pathlib import Path

import pytest

from ntp_checker.config import load_configuration
from ntp_checker.config.configuration import FILE_KEYS
from ntp_checker.config.hosts import HOST_KEYS
from ntp_checker.config.limits import LIMIT_NAMES
from ntp_checker.model import Role
from ntp_checker.reload import NEEDS_RESTART

TEXT = (Path(__file__).resolve().parents[2] / "docs/configuration.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("key", sorted({*FILE_KEYS, *HOST_KEYS, *LIMIT_NAMES}))
def test_key_when_it_can_be_set_then_the_page_names_it(key: str) -> None:
    assert re.search(rf"`{key}`", TEXT)


def test_example_when_loaded_then_right(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    file = tmp_path / "hosts.yaml"
    file.write_text(example, encoding="utf-8")

    hosts = load_configuration({"NTP_CHECKER_CONFIG": str(file)}).settings.hosts

    by_name = {host.name: host for host in hosts}
    assert len(hosts) == 5
    assert by_name["ntp1.example.org"].limits.offset_warning_s == 0.005
    assert by_name["lab.example.org"].role is Role.ISOLATED
    gps1 = by_name["gps1"].limits
    assert (gps1.offset_warning_s, gps1.satellites_used_min, gps1.skew_warning_ppm) == (
        50e-6,
        6,
        10,
    )


def test_restart_when_a_setting_needs_one_then_the_page_says_so() -> None:
    (sentence,) = re.findall(r"`database_url`, `database_read_url`, [^.]* need a restart", TEXT)

    assert set(re.findall(r"`(\w+)`", sentence)) == set(NEEDS_RESTART)
