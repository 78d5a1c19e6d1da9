"""Shapes of guests that are kept ready, in the API."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from stead.instances.rules import Size

Number = Annotated[int, Field(ge=0, le=50)]


class WarmIn(BaseModel):
    """How many guests of each size a cluster keeps ready; none by itself."""

    model_config = ConfigDict(extra="forbid")

    small: Number = 0
    medium: Number = 0
    large: Number = 0


class WarmOut(BaseModel):
    """What a cluster keeps ready of a size: wanted, there, and being made."""

    size: Size
    wanted: int
    ready: int
    coming: int
