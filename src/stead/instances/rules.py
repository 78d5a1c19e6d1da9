"""Pure rules of instances: sizes and native names."""

from dataclasses import dataclass
from enum import StrEnum


class Size(StrEnum):
    """What users choose from."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


@dataclass(frozen=True, slots=True)
class Shape:
    """What an instance gets."""

    cores: int
    memory_mb: int
    disk_gb: int

    def with_all_of(self, other: "Shape") -> "Shape":
        """Return the larger of each."""
        return Shape(
            max(self.cores, other.cores),
            max(self.memory_mb, other.memory_mb),
            max(self.disk_gb, other.disk_gb),
        )


SHAPES = {
    Size.SMALL: Shape(cores=1, memory_mb=512, disk_gb=8),
    Size.MEDIUM: Shape(cores=2, memory_mb=2048, disk_gb=20),
    Size.LARGE: Shape(cores=4, memory_mb=8192, disk_gb=60),
}


def native_name(name: str, instance_id: str) -> str:
    """Return what the engine calls an instance: readable, and never used twice."""
    return f"{name}-{instance_id[-10:]}"
