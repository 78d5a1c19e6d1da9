"""The console's pages as its routes declare them, so that no test lists them by hand."""

from fastapi.routing import APIRoute

from stead.core import authz
from stead.entrypoints import web

# Files, not pages.
_FILES = ("/catalog/{app}/icon.svg", "/profile/second-factor/code.svg")


def routes() -> list[APIRoute]:
    """Return every route of every page."""
    found = (route for module in web.PAGES.values() for route in module.router.routes)
    return [route for route in found if isinstance(route, APIRoute)]


def paths(method: str, *, public: bool) -> list[str]:
    """Return the paths that take a method, their parameters in braces."""
    return [
        route.path
        for route in routes()
        if method in route.methods
        and (authz.declared(route.endpoint) or "").startswith("public") is public
    ]


def private_pages() -> list[str]:
    """Return the paths of what somebody who is signed in looks at."""
    return [path for path in paths("GET", public=False) if path not in _FILES]
