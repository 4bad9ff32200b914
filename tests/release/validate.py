"""Judges SBOMs by the schema of CycloneDX."""

import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        error = JsonStrictValidator(SchemaVersion.V1_5).validate_str(file.read())
    if error:
        sys.exit(f"{path}: {error}")
