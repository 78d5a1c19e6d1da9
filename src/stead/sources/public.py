"""Sources for other domains: tell them what was installed from one."""

from stead.sources.schemas import UseOut
from stead.sources.service import Sources, Uses

__all__ = ["Sources", "UseOut", "Uses"]
