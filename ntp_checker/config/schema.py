"""JSON Schema of the settings file, for editors that complete and check while one types.

It is worked out from the same types and ranges that the file is checked by. What needs more than
one value (a name listed twice, a warning above its critical limit) only `config check` can say.
"""

from typing import Any

from ntp_checker.config.alerting_schema import (
    alerting_definitions,
    alerting_properties,
    object_schema,
)
from ntp_checker.config.configuration import field_schemas
from ntp_checker.config.hosts import RESERVED_NAME
from ntp_checker.config.limits import LIMIT_NAMES, MAX_NUMBER, RANGES, limit_kind
from ntp_checker.config.settings import SECRETS
from ntp_checker.config.users import users_schema
from ntp_checker.model import HasGps, Role, Severity
from ntp_checker.targets import NAME_PATTERN

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TARGET = {
    "type": "string",
    "minLength": 1,
    "description": "[user@]host[:port], an IPv6 address in brackets and the whole in quotes, or "
    "local for the machine that the checker runs on.",
}
_NAME = {"type": "string", "pattern": f"^{NAME_PATTERN}$", "not": {"const": RESERVED_NAME}}


def file_schema() -> dict[str, Any]:
    """The schema of a whole settings file."""
    properties: dict[str, Any] = dict(field_schemas())
    for name in SECRETS:
        text = f"File that holds {name}, in its place."
        properties[f"{name}_file"] = {"type": "string", "minLength": 1, "description": text}
    properties |= {
        "hosts": {
            "description": "Hosts to watch; NTP_CHECKER_HOSTS replaces them all.",
            "type": "array",
            "items": {"anyOf": [_TARGET, {"$ref": "#/$defs/host"}]},
        },
        "users": users_schema(),
        "groups": {
            "description": "Hosts of a group share its limits.",
            "type": "object",
            "propertyNames": _NAME,
            "additionalProperties": {"$ref": "#/$defs/section"},
        },
        "roles": {
            "description": "Limits for all hosts of a role.",
            "type": "object",
            "additionalProperties": False,
            "properties": {role.value: {"$ref": "#/$defs/section"} for role in Role},
        },
        "limits": {"$ref": "#/$defs/limits"},
        **alerting_properties(),
    }
    return {
        "$schema": DIALECT,
        "title": "NTP Checker settings",
        **object_schema(properties),
        "$defs": {
            **alerting_definitions(),
            "host": _host_schema(),
            "section": object_schema({"limits": {"$ref": "#/$defs/limits"}}),
            "limits": {
                "description": "Host over group over role over these at the top of the file.",
                **object_schema({name: _limit_schema(name) for name in LIMIT_NAMES}),
            },
        },
    }


def _host_schema() -> dict[str, Any]:
    # A bare yes or no is a word to YAML 1.2 and true or false to YAML 1.1.
    has_gps = [value.value for value in HasGps] + [True, False]
    properties = {
        "target": _TARGET,
        "name": {**_NAME, "description": "Unique; the host part of the target by default."},
        "role": {"enum": [role.value for role in Role], "default": Role.SERVER.value},
        "group": {"type": "string", "description": "One of groups."},
        "has_gps": {"enum": has_gps, "default": HasGps.AUTO.value},
        "limits": {"$ref": "#/$defs/limits"},
    }
    return {**object_schema(properties), "required": ["target"]}


def _limit_schema(name: str) -> dict[str, Any]:
    kind = limit_kind(name)
    if kind is bool:
        return {"type": "boolean"}
    if kind is Severity:
        return {"enum": [severity.value for severity in Severity]}
    number = "integer" if kind is int else "number"
    if name in RANGES:
        low, high = RANGES[name]
        return {"type": number, "minimum": low, "maximum": high}
    return {"type": number, "exclusiveMinimum": 0, "maximum": MAX_NUMBER}
