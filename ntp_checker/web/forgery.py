"""Changes are only taken from our own pages, never from a form that stands elsewhere.

Each POST carries the token of its browser's session (`csrf_token()` in a template, as the field
`csrf_token` or the header `X-CSRFToken`). What a browser says by itself about where a request comes
from is the second line. An API token in the head proves as much: no browser adds one by itself.
"""

from collections.abc import Collection
from typing import NoReturn
from urllib.parse import urlsplit

from flask import Flask, abort, request
from flask_wtf.csrf import (  # type: ignore[import-untyped]  # it has no types
    CSRFError,
    CSRFProtect,
)

from ntp_checker.web.access import signed_in

#: A page may stand open over a shift before its button is pressed.
_TOKEN_LIFE_S = 12 * 3600
_CHANGES = ("POST", "PUT", "PATCH", "DELETE")
#: `none`: nobody but the person at the browser asked for it.
_OWN_SITES = ("same-origin", "none")


class ForeignRequest(CSRFError):  # type: ignore[misc]  # it has no types
    """A change that none of our pages asked for; the text says what gave it away."""


class UnreadableOrigin(ForeignRequest):
    """A change whose Origin no browser sends."""

    code = 403


def add_forgery_rules(app: Flask, public_url: str | None) -> None:
    """Refuses every change whose origin is not proven, with ForeignRequest or CSRFError."""
    # Whether a request is exempt is known only after its token was checked.
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False
    app.config["WTF_CSRF_TIME_LIMIT"] = _TOKEN_LIFE_S
    is_https = (public_url or "").startswith("https://")
    app.config.update(
        # The prefix binds it to this very host: no neighbour's page can plant one.
        SESSION_COOKIE_NAME="__Host-ntp_checker" if is_https else "ntp_checker",
        SESSION_COOKIE_SECURE=is_https,
        SESSION_COOKIE_HTTPONLY=True,
        # Strict would leave it out where a link in a mail leads here, and the form would get another.
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
    )
    protection = CSRFProtect(app)
    own_origin = _origin_of(public_url) if public_url else None

    @app.before_request
    def check_forgery() -> None:
        if request.method not in _CHANGES or request.endpoint is None or signed_in().by_token:
            return
        _check_origin(own_origin)
        protection.protect()


def add_name_rule(app: Flask, names: Collection[str]) -> None:
    """Answers only where it is asked for by one of these names, else 421.

    For a dashboard that everybody who reaches it may use: a page elsewhere can have its own name
    lead to the loopback address, and the visitor's browser then takes ours for that page's.
    """

    @app.before_request
    def check_name() -> None:
        try:
            name = urlsplit(f"//{request.host}").hostname
        except ValueError:
            name = None
        if name not in names:
            abort(421)


def _check_origin(own_origin: str | None) -> None:
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None and site not in _OWN_SITES:
        _refuse("Sec-Fetch-Site", site)
    if origin is None or origin == own_origin:
        return
    try:
        name = urlsplit(origin).netloc
    except ValueError as error:
        raise UnreadableOrigin(_words("Origin", origin)) from error
    # Behind a proxy the scheme is not ours to know, and the name may be the public one.
    if name != request.host:
        _refuse("Origin", origin)


def _refuse(header: str, value: str) -> NoReturn:
    raise ForeignRequest(_words(header, value))


def _words(header: str, value: str) -> str:
    return f"{header} is {value[:80]!a}"


def _origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
