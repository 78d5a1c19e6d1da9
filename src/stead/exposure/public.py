"""The exposure domain's door."""

from stead.exposure.leading import drop, lead, pass_on
from stead.exposure.service import (
    REPORT_TOPIC,
    Route,
    RouteRequest,
    apps_domain,
    ensure_console_route,
    ensure_edge,
    find_served,
    list_hosts,
    list_routes,
    publish,
    release,
    reserve,
    shut,
    withdraw,
)
from stead.exposure.settings import SETTINGS

__all__ = [
    "REPORT_TOPIC",
    "SETTINGS",
    "Route",
    "RouteRequest",
    "apps_domain",
    "drop",
    "ensure_console_route",
    "ensure_edge",
    "find_served",
    "lead",
    "list_hosts",
    "list_routes",
    "pass_on",
    "publish",
    "release",
    "reserve",
    "shut",
    "withdraw",
]
