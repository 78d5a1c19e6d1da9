"""What admins can change about addresses and certificates of apps."""

from typing import Final

from stead.core.pki import LEAF_DAYS
from stead.core.platform_settings import AnySetting, Number, Setting, Subdomain

# What stands directly before the server's domain and is not for tenants.
OWN_NAMES: Final = frozenset({"console", "www"})
APPS_BELOW: Final = Setting(
    "address.apps_below",
    "apps",
    Subdomain(OWN_NAMES),
    "Domain of apps",
    "The part of the server's domain below which new apps get their addresses. What is deployed"
    " keeps its addresses and certificates; deploy it anew to move it. Name servers have to know"
    " the new part first.",
)
CERTIFICATE_DAYS: Final = Setting(
    "tls.certificate_days",
    LEAF_DAYS,
    Number(7, 397, "days"),
    "Life of a certificate",
    "How long certificates of apps and of the console are good; they are replaced after two"
    " thirds of it. Those that would last longer than that now are replaced the next night.",
)
SETTINGS: Final[tuple[AnySetting, ...]] = (APPS_BELOW, CERTIFICATE_DAYS)
