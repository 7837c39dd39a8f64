"""JSON Schema of channels, routes and the policy of alerts."""

from typing import Any

from ntp_checker.config.addresses import MAX_RECIPIENTS
from ntp_checker.config.channels import (
    CHANNEL_NAME,
    CHANNEL_SECRETS,
    MAX_MESSAGES_PER_S,
    MAX_PORT,
    SMTP_PORT,
    keys_of,
    wanted_of,
)
from ntp_checker.config.routes import POLICY_RANGES, TOLD_SEVERITIES, WEEKDAYS, WHOLE_NUMBERS
from ntp_checker.config.ses_tags import MAX_TAGS, OWN_TAGS, TAG_PATTERN
from ntp_checker.model import ChannelKind, ProblemCode, SmtpSecurity

_TEXT = {"type": "string", "minLength": 1}
_CHANNELS = {
    "type": "array",
    "minItems": 1,
    "items": {"type": "string", "description": "One of channels."},
}
_CHANNEL_FIELDS: dict[str, Any] = {
    "messages_per_s": {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_MESSAGES_PER_S},
    "from": {**_TEXT, "description": "Sender of the mails."},
    "to": {
        "type": "array",
        "minItems": 1,
        "maxItems": MAX_RECIPIENTS,
        "items": _TEXT,
        "description": "Recipients of the mails.",
    },
    "tags": {
        "type": "object",
        "maxProperties": MAX_TAGS,
        "propertyNames": {"pattern": f"^{TAG_PATTERN}$", "not": {"enum": list(OWN_TAGS)}},
        "additionalProperties": {**_TEXT, "pattern": f"^{TAG_PATTERN}$"},
        "description": "Put on each mail's events, beside severity and state.",
    },
    "port": {"type": "integer", "minimum": 1, "maximum": MAX_PORT, "default": SMTP_PORT},
    "security": {"enum": [one.value for one in SmtpSecurity], "default": "starttls"},
    "urls": {
        "type": "array",
        "minItems": 1,
        "items": {**_TEXT, "pattern": "^[A-Za-z][A-Za-z0-9_+.-]*://"},
        "description": "Services as apprise writes them.",
    },
    "allow_private": {
        "type": "boolean",
        "default": False,
        "description": "Whether the URL may lead to an address inside.",
    },
}


def object_schema(properties: dict[str, Any]) -> dict[str, Any]:
    """A mapping that has these keys and no others."""
    return {"type": "object", "additionalProperties": False, "properties": properties}


def alerting_properties() -> dict[str, Any]:
    """What stands at the top of a file."""
    return {
        "channels": {
            "description": "The ways on which alerts go out.",
            "type": "object",
            "propertyNames": {"pattern": f"^{CHANNEL_NAME}$"},
            "additionalProperties": {"$ref": "#/$defs/channel"},
        },
        "routes": {
            "description": "Which alerts go to which channels; without any, all to all.",
            "type": "array",
            "items": {"$ref": "#/$defs/route"},
        },
        "alerting": {
            "description": "When a problem becomes an alert, and when it is over.",
            **object_schema(
                {
                    name: {
                        "type": "integer" if name in WHOLE_NUMBERS else "number",
                        "minimum": low,
                        "maximum": high,
                    }
                    for name, (low, high) in POLICY_RANGES.items()
                }
            ),
        },
    }


def alerting_definitions() -> dict[str, Any]:
    """What those refer to."""
    codes = {"enum": [code.value for code in ProblemCode]}
    hours = object_schema(
        {
            "weekdays": {"type": "array", "minItems": 1, "items": {"enum": list(WEEKDAYS)}},
            "begins": {"type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9]$"},
            "ends": {"type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9]$"},
            "time_zone": {**_TEXT, "description": "As in Europe/Zurich."},
        }
    )
    route = object_schema(
        {
            "channels": _CHANNELS,
            "fallback": {**_CHANNELS, "description": "Where one of channels can't for long."},
            "groups": {"type": "array", "minItems": 1, "items": _TEXT},
            "severities": {"type": "array", "items": {"enum": list(TOLD_SEVERITIES)}},
            "codes": {"type": "array", "items": codes},
            "hours": {
                "description": "When warnings may be sent; others wait. Critical ones never do.",
                **hours,
                "required": list(hours["properties"]),
            },
        }
    )
    return {
        "channel": {"oneOf": [_channel_schema(kind) for kind in ChannelKind]},
        "route": {**route, "required": ["channels"]},
    }


def _channel_schema(kind: ChannelKind) -> dict[str, Any]:
    properties = {name: _CHANNEL_FIELDS.get(name, _TEXT) for name in keys_of(kind)}
    properties["kind"] = {"const": kind.value}
    required = [name for name in wanted_of(kind) if name not in CHANNEL_SECRETS]
    either = [
        {"anyOf": [{"required": [name]}, {"required": [f"{name}_file"]}]}
        for name in wanted_of(kind)
        if name in CHANNEL_SECRETS
    ]
    schema = {**object_schema(properties), "required": ["kind", *required]}
    return {**schema, "allOf": either} if either else schema
