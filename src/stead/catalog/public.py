"""The catalog for other domains: load packages, check inputs, show forms, render outputs."""

from stead.catalog.errors import (
    InvalidInputsError,
    PackageError,
    Problem,
    UnknownPackageError,
    UnmetError,
)
from stead.catalog.form import Field, fields, json_schema
from stead.catalog.inputs import Inputs, validate
from stead.catalog.loader import BUILT_IN, BrokenPackage, Catalog, Package, load, load_package
from stead.catalog.outputs import Output, render_outputs
from stead.catalog.resolver import plan
from stead.catalog.schemas import Manifest, Service

__all__ = [
    "BUILT_IN",
    "BrokenPackage",
    "Catalog",
    "Field",
    "Inputs",
    "InvalidInputsError",
    "Manifest",
    "Output",
    "Package",
    "PackageError",
    "Problem",
    "Service",
    "UnknownPackageError",
    "UnmetError",
    "fields",
    "json_schema",
    "load",
    "load_package",
    "plan",
    "render_outputs",
    "validate",
]
