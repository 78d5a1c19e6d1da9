"""Pages of identity: signing in, oneself, projects and their members, people."""

from typing import Final

from stead.identity.pages import links, organisations, people, profile, projects, sign_in, tokens
from stead.identity.pages.desk import TEMPLATES, router

# They share one router; importing them is what fills it.
PARTS: Final = (sign_in, links, tokens, profile, projects, people, organisations)

__all__ = ["PARTS", "TEMPLATES", "router"]
