"""Who may sign in: from the file's `users`, or from lines `name:role:hash` of a secret."""

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from typing import Any

from ntp_checker.config.document import Node
from ntp_checker.config.mistakes import shown
from ntp_checker.config.values import Reader, suggest
from ntp_checker.model import Scope, User

#: HTTP's basic sign-in ends a name at the first colon.
USER_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.@+\-]{0,63}"
#: The text form of argon2's own reference program.
HASH_FORM = (
    r"\$argon2(?:id|i|d)\$v=19\$m=(?P<memory>[1-9][0-9]{0,9}),t=(?P<passes>[1-9][0-9]{0,9}),"
    r"p=(?P<lanes>[1-9][0-9]{0,2})\$(?P<salt>[A-Za-z0-9+/]{11,86})\$(?P<hash>[A-Za-z0-9+/]{16,171})"
)
#: More would keep the dashboard busy, or kill it, with one sign-in.
MAX_MEMORY_KIB = 1024 * 1024
MAX_PASSES = 100
#: What argon2 itself asks for.
_MIN_LANE_KIB = 8

_ROLES = tuple(scope.value for scope in Scope)
_USER_KEYS = ("password_hash", "role")
_NO_HASH = "this is no argon2 hash: `ntp-checker user hash` makes one"
_TOO_COSTLY = (
    f"an argon2 hash with more than {MAX_MEMORY_KIB // 1024} MiB or {MAX_PASSES} passes is not used"
)


def read_users(reader: Reader, node: Node | None) -> tuple[User, ...]:
    """The users of the file. What is wrong is noted, without any part of a hash."""
    if node is None:
        return ()
    found = []
    for name, entry in reader.entries(node, "users").items():
        key = f"users.{name if re.fullmatch(USER_NAME, name) else shown(name)}"
        if not re.fullmatch(USER_NAME, name):
            reader.refuse(reader.place(entry, key), "this is no user's name")
            continue
        user = _read_user(reader, entry, name, key)
        if user is not None:
            found.append(user)
    return tuple(found)


def _read_user(reader: Reader, node: Node, name: str, key: str) -> User | None:
    nodes = reader.entries(node, key, _USER_KEYS)
    if "password_hash" not in nodes:
        reader.refuse(reader.place(node, key), "password_hash is missing")
        return None
    password_hash = reader.text(nodes["password_hash"], f"{key}.password_hash")
    role = reader.word(nodes["role"], f"{key}.role", _ROLES) if "role" in nodes else _ROLES[0]
    if password_hash is None or role is None:
        return None
    if reason := _refusal_of_hash(password_hash):
        reader.refuse(reader.place(nodes["password_hash"], f"{key}.password_hash"), reason)
        return None
    return User(name=name, password_hash=password_hash, role=Scope(role))


def parse_users(text: str, refuse: Callable[[str], None]) -> tuple[User, ...]:
    """The users of a secret: a line each, `name:role:hash`; empty ones and `# …` are passed over.

    What is wrong is refused with the number of its line, and nothing that may be secret.
    """
    found: dict[str, User] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        written = line.strip()
        if not written or written.startswith("#"):
            continue
        name, _, rest = written.partition(":")
        role, _, password_hash = rest.partition(":")
        if reason := _refusal_of_line(name, role, password_hash, found):
            refuse(f"line {number}: {reason}")
        else:
            found[name] = User(name=name, password_hash=password_hash, role=Scope(role))
    return tuple(found.values())


def _refusal_of_line(
    name: str, role: str, password_hash: str, known: Mapping[str, User]
) -> str | None:
    if not re.fullmatch(USER_NAME, name) or not password_hash:
        return "write name:role:hash, as `ntp-checker user hash NAME` prints it"
    if role not in _ROLES:
        return f"{name}: the role is {' or '.join(_ROLES)}{suggest(role, _ROLES)}"
    if name in known:
        return f"{name}: there already: keep one"
    reason = _refusal_of_hash(password_hash)
    return None if reason is None else f"{name}: {reason}"


def _refusal_of_hash(password_hash: str) -> str | None:
    match = re.fullmatch(HASH_FORM, password_hash)
    if match is None or not (_is_base64(match["salt"]) and _is_base64(match["hash"])):
        return _NO_HASH
    if int(match["memory"]) < _MIN_LANE_KIB * int(match["lanes"]):
        return _NO_HASH
    if int(match["memory"]) > MAX_MEMORY_KIB or int(match["passes"]) > MAX_PASSES:
        return _TOO_COSTLY
    return None


def _is_base64(text: str) -> bool:
    """True if argon2 can decode it: without padding, and nothing in the bits that are left over."""
    try:
        return b64encode(b64decode(text + "=" * (-len(text) % 4))).decode().rstrip("=") == text
    except ValueError:
        return False


def users_schema() -> dict[str, Any]:
    """JSON Schema of `users`."""
    return {
        "description": "Who may sign in with a password; NTP_CHECKER_USERS replaces them all.",
        "type": "object",
        "propertyNames": {"pattern": f"^{USER_NAME}$"},
        "additionalProperties": {
            "type": "object",
            "additionalProperties": False,
            "required": ["password_hash"],
            "properties": {
                "password_hash": {
                    "type": "string",
                    "pattern": r"^\$argon2(id|i|d)\$v=19\$",
                    "description": "As `ntp-checker user hash` prints it.",
                },
                "role": {"enum": list(_ROLES), "default": _ROLES[0]},
            },
        },
    }
