"""Errors in the words of whoever asked: JSON under /api, a page elsewhere. No details leak."""

from datetime import UTC, datetime

import structlog
from flask import Flask, Response, make_response, render_template, request
from flask_wtf.csrf import CSRFError  # type: ignore[import-untyped]  # it has no types
from werkzeug.exceptions import HTTPException

from ntp_checker.errors import ActionRefused, SchemaMismatch, StoreError
from ntp_checker.store.reads import ReadTooSlow
from ntp_checker.web.arguments import BadArgument
from ntp_checker.web.format import format_moment
from ntp_checker.web.responses import error_response, request_id
from ntp_checker.web.services import Services

log = structlog.get_logger()

#: when a client may ask again after a 503
RETRY_AFTER_S = 5

_WORDS = {
    400: ("Not understood", "The address has an argument that is not understood."),
    401: ("Sign in", "This dashboard is only for people and programs that it knows."),
    403: ("Not for you", "You may see everything here, but change nothing."),
    404: ("Not here", "There is nothing at this address."),
    405: ("Not allowed", "This address does not take that kind of request."),
    413: ("Too much", "The request is larger than anything this server takes."),
    421: (
        "Not by this name",
        (
            "Without sign-in the dashboard answers only to localhost and to the name in "
            "NTP_CHECKER_PUBLIC_URL."
        ),
    ),
    429: ("Too many tries", "Too many passwords were tried; wait some seconds, then try again."),
    500: ("Something broke", "This is our mistake. The log has it under the request's number."),
}
#: For programs, by status: they stay.
CODES = {
    400: "bad_request",
    401: "sign_in",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    421: "wrong_name",
    429: "too_many_tries",
}
_SAID_IN_HEAD = ("Allow", "Retry-After", "WWW-Authenticate")
#: For a change that none of our own pages asked for, or one that stood open for too long.
_FOREIGN = (
    "Nothing was changed",
    (
        "This did not come from a page of this dashboard, or the page was too old: open it again "
        "and send it once more. With an https address in NTP_CHECKER_PUBLIC_URL it works by https only."
    ),
)
#: The same for programs, which have no page.
_FOREIGN_PROGRAM = (
    "Nothing was changed: a program needs a token of scope act, sent as Authorization: Bearer …"
)
_COMES_BACK = "This page comes back by itself."
#: For programs, which Retry-After tells in seconds.
_ASK_AGAIN = "Ask again after the time in Retry-After."


class Busy(StoreError):
    """As many as allowed ask for what takes long already."""


def add_error_pages(app: Flask, services: Services) -> None:
    """Gives every error its answer."""

    def answer(
        status: int, code: str, heading: str, explanation: str, *, retry: str = ""
    ) -> Response:
        if _is_api():
            return error_response(status, code, explanation)
        text = render_template(
            "error.html",
            heading=heading,
            explanation=explanation,
            retry=retry,
            request_id=request_id(),
            now_text=format_moment(datetime.now(UTC)),
            version=services.version,
        )
        return make_response(text, status)

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        status = error.code or 500
        heading, explanation = _WORDS.get(status, (error.name, error.description or ""))
        response = answer(status, CODES.get(status, "error"), heading, explanation)
        for name, value in error.get_headers():
            if name in _SAID_IN_HEAD:
                response.headers[name] = value
        return response

    @app.errorhandler(CSRFError)
    def foreign_request(error: CSRFError) -> Response:
        log.warning(
            "change refused", request_id=request_id(), path=request.path, reason=error.description
        )
        heading, explanation = _FOREIGN
        return answer(error.code, "csrf", heading, _FOREIGN_PROGRAM if _is_api() else explanation)

    @app.errorhandler(BadArgument)
    def bad_argument(error: BadArgument) -> Response:
        return answer(error.status, error.code, "Not understood", str(error))

    @app.errorhandler(ActionRefused)
    def action_refused(error: ActionRefused) -> Response:
        return answer(*_refusal_words(error))

    @app.errorhandler(StoreError)
    def store_error(error: StoreError) -> Response:
        log.warning("database read failed", request_id=request_id(), path=request.path, error=error)
        code, heading, explanation = _store_words(error)
        if code == "database_down":
            explanation = f"{explanation} {_ASK_AGAIN if _is_api() else _COMES_BACK}"
        response = answer(503, code, heading, explanation, retry="/readyz")
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
        return response

    @app.errorhandler(Exception)
    def broken(error: Exception) -> Response:
        log.error("request failed", request_id=request_id(), path=request.path, exc_info=error)
        return answer(500, "internal", *_WORDS[500])


def _is_api() -> bool:
    return request.path == "/api" or request.path.startswith("/api/")


def _refusal_words(error: ActionRefused) -> tuple[int, str, str, str]:
    """Status, code, heading and explanation; a form says the same beside its field."""
    if error.is_unknown:
        return 404, "not_found", "Not here", str(error)
    if error.field is None:
        return 409, "refused", "Not possible now", str(error)
    return 400, "bad_argument", "Not understood", f"{error.field}: {error}"


def _store_words(error: StoreError) -> tuple[str, str, str]:
    """Code, heading and explanation; of the database's own words only ours."""
    if isinstance(error, SchemaMismatch):
        return "schema_mismatch", "The database does not fit", f"{str(error).capitalize()}."
    if isinstance(error, ReadTooSlow):
        return "too_slow", "That took too long", f"{str(error).capitalize()}. Try a shorter range."
    if isinstance(error, Busy):
        return "busy", "Busy", "Others wait for as much already; try again in a moment."
    return (
        "database_down",
        "The database does not answer",
        (
            "The dashboard itself is up, but it can show nothing without its database. "
            "The checker goes on looking meanwhile and keeps what it sees."
        ),
    )
