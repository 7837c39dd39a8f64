"""What the views that change something have in common: who asks, what with, and a connection."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import orjson
from flask import Response, request

from ntp_checker.errors import ActionRefused
from ntp_checker.store.acting import acting
from ntp_checker.store.pool import ActConnection
from ntp_checker.web.access import Access, signed_in
from ntp_checker.web.api import QUICK_LIMIT_S
from ntp_checker.web.arguments import BadArgument, refuse_unknown
from ntp_checker.web.services import Services

#: More is no field of ours.
_MAX_FIELD_CHARS = 4_000
_SEE_OTHER = 303


@dataclass(frozen=True, slots=True, kw_only=True)
class FormState:
    """A form as it was sent, to be shown again with what was wrong."""

    form: str = ""  #: which of the page's forms; empty: none was sent
    given: Mapping[str, str] = field(default_factory=dict)  #: what was typed
    error: str = ""  #: in words; empty if it was not sent yet
    error_field: str | None = None


NOT_SENT = FormState()


def may_act(services: Services) -> bool:
    """True if whoever asks could change something here: only then forms are shown."""
    return services.act_pool is not None and signed_in().access is Access.ACT


@contextmanager
def changing(services: Services) -> Iterator[ActConnection]:
    """A transaction that may write. Raises ActionRefused where the dashboard can't write at all."""
    if services.act_pool is None:
        raise ActionRefused("nothing can be changed here: this dashboard only reads")
    with acting(services.act_pool, limit_s=QUICK_LIMIT_S) as connection:
        yield connection


def form_fields() -> dict[str, str]:
    """The fields of the form that was sent, the first of each name, without its token."""
    return {
        name: text[:_MAX_FIELD_CHARS] for name, text in request.form.items() if name != "csrf_token"
    }


def body_keys(known: Sequence[str]) -> dict[str, str]:
    """The keys of a JSON object whose values are texts, true or false; null is left out.

    Raises BadArgument for anything else, and for a key that is not known.
    """
    if request.mimetype != "application/json":
        raise BadArgument("the body is JSON: say so with Content-Type: application/json")
    try:
        body = orjson.loads(request.get_data())
    except orjson.JSONDecodeError as error:
        raise BadArgument(f"the body is no JSON: {error}") from None
    if not isinstance(body, dict):
        raise BadArgument("the body is a JSON object")
    refuse_unknown(list(body), known)
    given = {}
    for name, value in body.items():
        if isinstance(value, bool):
            given[name] = "true" if value else ""
        elif isinstance(value, str):
            given[name] = value[:_MAX_FIELD_CHARS]
        elif value is not None:
            raise BadArgument(f"{name} is a text")
    return given


def see(path: str) -> Response:
    """After a change: the page to be read now, so that reading it again changes nothing."""
    return Response(status=_SEE_OTHER, headers={"Location": path})


def refused(form: str, given: Mapping[str, str], error: ActionRefused) -> FormState:
    """The form to be shown again."""
    return FormState(form=form, given=given, error=str(error), error_field=error.field)
