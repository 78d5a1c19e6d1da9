"""The exposure domain's door."""

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
    "ensure_console_route",
    "ensure_edge",
    "find_served",
    "list_hosts",
    "list_routes",
    "publish",
    "release",
    "reserve",
    "shut",
    "withdraw",
]
