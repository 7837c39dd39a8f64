"""What holds for every answer: security headers, caching, compression, limits, request numbers."""

import gzip
import secrets

import orjson
from flask import Flask, Response, abort, current_app, g, request
from werkzeug.exceptions import MethodNotAllowed

from ntp_checker.web.services import Services

#: a form with its longest note is far shorter
BODY_LIMIT_BYTES = 64 * 1024
#: shorter bodies fit into one packet anyhow
_COMPRESS_FROM_BYTES = 1024
#: level 1: higher ones cost more time than they save on the wire
_GZIP_LEVEL = 1
_COMPRESSIBLE = ("text/html", "application/json")
_METHODS = ("GET", "HEAD", "POST")
_YEAR_S = 365 * 86400

_CSP = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",  # the chart's own picture export needs the last two
    "connect-src": "'self'",
    "font-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
CONTENT_SECURITY_POLICY = "; ".join(f"{name} {value}" for name, value in _CSP.items())
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def add_response_rules(app: Flask, services: Services) -> None:
    """Lays the rules over every route of `app`, errors too."""

    @app.before_request
    def check_request() -> None:
        g.request_id = secrets.token_hex(8)
        _check_method()
        if (request.content_length or 0) > BODY_LIMIT_BYTES:
            abort(413)

    @app.after_request
    def finish(response: Response) -> Response:
        response.headers.update(_HEADERS)
        response.headers["X-Request-Id"] = request_id()
        if services.is_https:
            response.headers["Strict-Transport-Security"] = f"max-age={_YEAR_S}"
        response.headers.setdefault("Cache-Control", "no-store")
        return _compress(response)


def _check_method() -> None:
    """Raises MethodNotAllowed for what the address's routes do not have, OPTIONS among it."""
    refused = isinstance(request.routing_exception, MethodNotAllowed)
    if request.method in _METHODS and not refused:
        return
    adapter = current_app.create_url_adapter(request)
    known = adapter.allowed_methods() if adapter else ()
    raise MethodNotAllowed([method for method in _METHODS if method in known] or ["GET", "HEAD"])


def request_id() -> str:
    """The number under which this request is in the log."""
    return str(g.get("request_id") or secrets.token_hex(8))


def json_response(value: object, status: int = 200) -> Response:
    """A JSON answer; moments become ISO 8601 with Z. Simulated samples are called so in each."""
    services: Services = current_app.extensions["ntp_checker"]
    if services.is_simulated and isinstance(value, dict):
        value = {"simulated": True, **value}
    body = orjson.dumps(value, option=orjson.OPT_UTC_Z)
    return Response(body, status=status, mimetype="application/json")


def error_response(status: int, code: str, message: str) -> Response:
    """An error as every part of the API says it."""
    return json_response({"error": {"code": code, "message": message}}, status)


def accepts_gzip() -> bool:
    """True if the client takes compressed answers."""
    return request.accept_encodings.quality("gzip") > 0


def _compress(response: Response) -> Response:
    if response.mimetype not in _COMPRESSIBLE or response.is_streamed:
        return response
    response.vary.add("Accept-Encoding")
    body = response.get_data()
    if len(body) >= _COMPRESS_FROM_BYTES and accepts_gzip():
        response.set_data(gzip.compress(body, compresslevel=_GZIP_LEVEL, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
    return response
