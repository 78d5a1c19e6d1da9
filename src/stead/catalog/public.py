"""The catalog for other domains: load packages, check inputs, show forms, render outputs."""

from stead.catalog.archive import pack, unpack
from stead.catalog.bundles import (
    INSIDE,
    Bundle,
    Bundles,
    LoadedBundle,
    Member,
    bundle_schema,
    load_bundles,
)
from stead.catalog.errors import (
    InvalidInputsError,
    PackageError,
    Problem,
    UnknownPackageError,
    UnmetError,
)
from stead.catalog.folders import FILE_COUNT_LIMIT, PACKAGE_LIMIT, is_hidden, name_problem
from stead.catalog.form import Field, fields, json_schema
from stead.catalog.inputs import Inputs, validate
from stead.catalog.loader import (
    BUILT_IN,
    BrokenPackage,
    Catalog,
    Origin,
    Package,
    load,
    load_package,
    package_of,
    reach,
)
from stead.catalog.outputs import Output, render_outputs
from stead.catalog.resolver import is_newer, plan
from stead.catalog.schemas import Manifest, Service, Value

__all__ = [
    "BUILT_IN",
    "FILE_COUNT_LIMIT",
    "INSIDE",
    "PACKAGE_LIMIT",
    "BrokenPackage",
    "Bundle",
    "Bundles",
    "Catalog",
    "Field",
    "Inputs",
    "InvalidInputsError",
    "LoadedBundle",
    "Manifest",
    "Member",
    "Origin",
    "Output",
    "Package",
    "PackageError",
    "Problem",
    "Service",
    "UnknownPackageError",
    "UnmetError",
    "Value",
    "bundle_schema",
    "fields",
    "is_hidden",
    "is_newer",
    "json_schema",
    "load",
    "load_bundles",
    "load_package",
    "name_problem",
    "pack",
    "package_of",
    "plan",
    "reach",
    "render_outputs",
    "unpack",
    "validate",
]
