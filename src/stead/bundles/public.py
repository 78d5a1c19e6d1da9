"""The bundles domain's door."""

from stead.bundles.service import BundleWorks

__all__ = ["BundleWorks"]
