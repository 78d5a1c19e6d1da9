"""The exposure domain's door."""

from stead.exposure.service import (
    REPORT_TOPIC,
    Route,
    RouteRequest,
    ensure_console_route,
    ensure_edge,
    find_served,
    list_hosts,
    list_routes,
    publish,
    release,
    reserve,
    withdraw,
)

__all__ = [
    "REPORT_TOPIC",
    "Route",
    "RouteRequest",
    "ensure_console_route",
    "ensure_edge",
    "find_served",
    "list_hosts",
    "list_routes",
    "publish",
    "release",
    "reserve",
    "withdraw",
]
