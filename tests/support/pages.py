"""The console's pages as its routes declare them, so that no test lists them by hand."""

from collections.abc import Iterator

from fastapi.routing import APIRoute, RouteContext, iter_route_contexts

from stead.core import authz
from stead.entrypoints import web

# Files, not pages.
_FILES = ("/catalog/{app}/icon.svg", "/profile/second-factor/code.svg")


def routes() -> Iterator[RouteContext]:
    """Return every route of every page, those of routers within routers too."""
    for module in web.PAGES.values():
        for route in iter_route_contexts(module.router.routes):
            if isinstance(route.original_route, APIRoute):
                yield route


def paths(method: str, *, public: bool) -> list[str]:
    """Return the paths that take a method, their parameters in braces."""
    return [
        route.path or ""
        for route in routes()
        if method in (route.methods or ())
        and (authz.declared(route.endpoint) or "").startswith("public") is public
    ]


def private_pages() -> list[str]:
    """Return the paths of what somebody who is signed in looks at."""
    return [path for path in paths("GET", public=False) if path not in _FILES]
