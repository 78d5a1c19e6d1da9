"""Pages of clusters: the list, one cluster, what is on it, and connecting another one."""

from typing import Final

from stead.infra.pages import adopting, connecting, hosting, looking
from stead.infra.pages.desk import TEMPLATES, router

# They share one router; importing them is what fills it, in this order: the words of
# connecting come before the names of clusters.
PARTS: Final = (connecting, looking, hosting, adopting)

__all__ = ["PARTS", "TEMPLATES", "router"]
