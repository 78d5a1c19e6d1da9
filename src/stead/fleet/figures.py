"""How agents' work goes, for those who look after the platform."""

from stead.agents import public as agents
from stead.core.db import Uow
from stead.fleet.schemas import AppFiguresOut, FiguresOut


async def tell(uow: Uow) -> FiguresOut:
    """Return the figures of the whole platform. The endpoint has checked who asks."""
    found = await agents.figures(uow)
    return FiguresOut(
        apps=[
            AppFiguresOut(
                app=one.app,
                done=one.done,
                ended=one.ended,
                success=one.success,
                mean_seconds=one.mean_seconds,
            )
            for one in found.apps
        ],
        failures=dict(found.failures),
        queued=found.queued,
        running=found.running,
        agents=dict(found.agents),
    )
