"""What `config show` and `config schema` print."""

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from ntp_checker.config import load_configuration
from ntp_checker.config.configuration import FILE_KEYS
from ntp_checker.config.schema import file_schema
from ntp_checker.config.show import mask_path, mask_url, show_lines
from ntp_checker.errors import ConfigError
from tests.settings_files import FULL, HASH

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        (f"postgresql://u:{SECRET}@h:5432/db", "postgresql://u:***@h:5432/db"),
        (f"postgresql://u:{SECRET}@x@h/db", "postgresql://u:***@h/db"),
        (f"postgresql://:{SECRET}@h/db", "postgresql://:***@h/db"),
        ("postgresql://u@h/db", "postgresql://u@h/db"),
        ("postgresql://h/db", "postgresql://h/db"),
        (f"postgresql://h/db?password={SECRET}&a=b", "postgresql://h/db?password=***&a=b"),
        (f"postgresql://h/db?a=b&sslpassword={SECRET}", "postgresql://h/db?a=b&sslpassword=***"),
        (f"postgresql://u:[{SECRET}@h/db", "***"),
    ],
)
def test_url_when_masked_then_its_password_is_gone(url: str, masked: str) -> None:
    assert mask_url(url) == masked


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        (f"https://hc.example.net/{SECRET}", "https://hc.example.net/***"),
        (f"http://192.0.2.1:8000/a/{SECRET}?b={SECRET}", "http://192.0.2.1:8000/***"),
        (f"http://hc.example.net?{SECRET}", "http://hc.example.net/***"),
    ],
)
def test_heartbeat_url_when_masked_then_all_after_its_server_is_gone(url: str, masked: str) -> None:
    assert mask_path(url) == masked


def test_show_when_settings_come_from_everywhere_then_each_says_where(tmp_path: Path) -> None:
    file, secret = tmp_path / "hosts.yaml", tmp_path / "url"
    file.write_text(FULL)
    secret.write_text(f"postgresql://u:{SECRET}@h/db\n")
    environ = {
        "NTP_CHECKER_CONFIG": str(file),
        "NTP_CHECKER_INTERVAL_S": "12",
        "DATABASE_URL_FILE": str(secret),
        "DATABASE_READ_URL": f"postgresql://h/db?password={SECRET}",
        "NTP_CHECKER_HEARTBEAT_URL": f"https://hc.example.net/{SECRET}",
    }

    lines = list(show_lines(load_configuration(environ)))

    assert SECRET not in "\n".join(lines)
    for line in (
        f"database_url: postgresql://u:***@h/db  # DATABASE_URL_FILE: {secret}",
        "interval_s: 12  # NTP_CHECKER_INTERVAL_S",
        f"deadline_s: 2.5  # {file}:2",
        "retention_days: 90  # default",
        f"hosts: 2  # {file}:18",
        "  - gps1: root@gps1.example.org:2222, role gps_server, group roof, has_gps yes",
        f"      skew_warning_ppm: 5  # {file}:16",
        f"      satellites_used_min: 6  # {file}:12",
        "      offset_warning_s: 0.0001  # default of role gps_server",
    ):
        assert line in lines


def validator() -> jsonschema.Draft202012Validator:
    schema = file_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_schema_when_read_then_it_knows_the_keys_that_the_file_may_have() -> None:
    assert file_schema()["properties"].keys() == set(FILE_KEYS)


class _Yaml12(yaml.SafeLoader):
    """As editors read it: only true and false are flags, and 1e-6 is a number."""


_Yaml12.yaml_implicit_resolvers = {}
for _tag, _form in (
    ("bool", "^(?:true|True|TRUE|false|False|FALSE)$"),
    ("int", "^[-+]?[0-9]+$"),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$"),
    ("null", "^(?:~|null|)$"),
):
    _Yaml12.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_form), None)


GOOD = (
    FULL.replace("judged: off", "judged: false"),
    "{}",
    "hosts: []",
    "hosts: [local, 'ntp@[2001:db8::1]:22']",
    "hosts:\n- {target: a, has_gps: true}\n- {target: b, has_gps: no}\n- {target: c, has_gps: auto}",
    "database_url: POSTGRES://u@h/db\npublic_url: https://ntp.example.org/x\nembedded: false\n",
    "interval_s: 0.1\npremake_days: 0\nlog_level: debug\nlisten: :80\ndata_dir: ~/x\n",
    "limits: {offset_warning_s: 1e-9, offset_critical_s: 1e9, sources_min: 0, stratum_warning: 15}",
    "auth: basic\nauth_none_anywhere: false\nsecret_key: " + "k" * 32,
    f"users: {{ada: {{password_hash: '{HASH}', role: act}}, bob: {{password_hash: '{HASH}'}}}}",
    "groups: {'NO': {limits: {}}}\nroles: {isolated: {}}\n",
)
BAD = (
    "hosts: local",
    "host: []",
    "hosts: [{name: a}]",
    "hosts: [{target: a, port: 22}]",
    "hosts: [{target: a, name: '*'}]",
    "hosts: [{target: a, has_gps: maybe}]",
    "hosts: [{target: a, limits: {offset_warning_s: 0}}]",
    "limits: {offset_warning: 1}",
    "limits: {stratum_warning: 16}",
    "limits: {gps_severity: bad}",
    "interval_s: '30'",
    "interval_s: 0.09",
    "retention_days: 1.5",
    "retention_days:",
    "embedded: 1",
    "log_level: loud",
    "listen: '8080'",
    "database_url: mysql://h/db",
    "roles: {gps: {}}",
    "groups: {'-x': {}}",
    "auth: perhaps",
    "secret_key: " + "k" * 31,
    "users: [ada]",
    "users: {ada: {}}",
    "users: {ada: {password_hash: hunter2}}",
    f"users: {{ada: {{password_hash: '{HASH}', role: admin}}}}",
    f"users: {{'a b': {{password_hash: '{HASH}'}}}}",
)


@pytest.mark.parametrize("content", GOOD)
@pytest.mark.parametrize("loader", [yaml.SafeLoader, _Yaml12])
def test_schema_when_the_file_is_accepted_then_it_validates(
    tmp_path: Path, content: str, loader: Any
) -> None:
    if loader is yaml.SafeLoader:  # to YAML 1.1 a number without a point has no exponent
        content = (
            content.replace("5e-3", "0.005").replace("1e-9", "1.0e-9").replace("1e9", "1.0e+9")
        )
    file = tmp_path / "hosts.yaml"
    file.write_text(content)

    load_configuration({"NTP_CHECKER_CONFIG": str(file)})
    validator().validate(yaml.load(content, loader))  # noqa: S506 - both are safe loaders


@pytest.mark.parametrize("content", BAD)
def test_schema_when_the_file_is_refused_for_one_value_then_it_does_not_validate(
    tmp_path: Path, content: str
) -> None:
    file = tmp_path / "hosts.yaml"
    file.write_text(content)

    with pytest.raises(ConfigError):
        load_configuration({"NTP_CHECKER_CONFIG": str(file)})
    assert not validator().is_valid(yaml.load(content, _Yaml12))  # noqa: S506 - a safe loader
