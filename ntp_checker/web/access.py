"""Who may do what: every view says which sign-in it needs, and one that does not is closed."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import ParamSpec, TypeVar

import structlog
from flask import Flask, abort, current_app, g, request

log = structlog.get_logger()

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")

#: Under this name a view function carries its policy.
_MARK = "ntp_checker_access"


class Access(Enum):
    """What a request needs to be answered."""

    PUBLIC = "public"  #: nothing: anybody may ask
    READ = "read"  #: someone who may see everything
    ACT = "act"  #: someone who may acknowledge and silence, too


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Who asks, as far as that was proven."""

    name: str | None  #: a user's or a token's; None where nobody needs to sign in
    access: Access  #: the most that may be done
    by_token: bool = False  #: by `Authorization: Bearer`, which no browser adds by itself


#: Who did not have to say who it is.
NOBODY = SignedIn(name=None, access=Access.PUBLIC)
#: Everybody, where no sign-in is asked for.
ANYBODY = SignedIn(name=None, access=Access.ACT)


def access(
    level: Access,
) -> Callable[[Callable[Arguments, Answer]], Callable[Arguments, Answer]]:
    """Marks a view function, below its route: `@pages.get("/")`, then `@access(Access.READ)`."""

    def mark(view: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
        vars(view)[_MARK] = level
        return view

    return mark


def policy_of(endpoint: str) -> Access | None:
    """What the view of this endpoint was marked with; None for one without a mark."""
    found = vars(current_app.view_functions[endpoint]).get(_MARK)
    return found if isinstance(found, Access) else None


def current_actor() -> str | None:
    """The user or token that asks; None where no sign-in is asked for, so forms ask for a name."""
    return signed_in().name


def signed_in() -> SignedIn:
    """Who asks, as far as it is known yet; only to be called while a request is answered."""
    found: SignedIn = g.get("signed_in", NOBODY)
    return found


def add_access_rules(app: Flask, let_in: Callable[[], SignedIn]) -> None:
    """Closes every route of `app` to whoever its policy does not let in.

    `let_in` finds out who sends the present request, or raises what answers it.
    """

    @app.before_request
    def check_access() -> None:
        # That an address is no route is told to those who may read.
        policy = Access.READ if request.endpoint is None else policy_of(request.endpoint)
        if policy is Access.PUBLIC:
            return
        if policy is None:
            log.error("route without a policy", endpoint=request.endpoint)
            abort(404)
        g.signed_in = let_in()
        if policy is Access.ACT and signed_in().access is not Access.ACT:
            abort(403)
