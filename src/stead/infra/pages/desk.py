"""What the pages of clusters share."""

from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Depends

from stead.core.http import provided
from stead.infra.connecting import Connecting
from stead.ui.console import Console

TEMPLATES: Final = Path(__file__).parents[1] / "templates"
router = APIRouter(prefix="/clusters")
ConsoleDep = Annotated[Console, Depends(provided(Console))]
ConnectingDep = Annotated[Connecting, Depends(provided(Connecting))]
