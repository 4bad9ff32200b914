"""The part of botocore's service model that the simulator implements, as JSON.

Printed to standard output, one operation or shape a line. The simulator reads
its constraints from a committed copy of this text (model.json), and a test here
compares the two, so that the copy can't drift from what AWS publishes.
"""

import gzip
import json
import pathlib
import sys

import botocore

OPERATIONS = [
    "CancelAuditMitigationActionsTask",
    "CancelAuditTask",
    "CreateMitigationAction",
    "CreateScheduledAudit",
    "DeleteMitigationAction",
    "DeleteScheduledAudit",
    "DescribeAuditFinding",
    "DescribeAuditMitigationActionsTask",
    "DescribeAuditTask",
    "DescribeMitigationAction",
    "DescribeScheduledAudit",
    "ListAuditFindings",
    "ListAuditMitigationActionsExecutions",
    "ListAuditMitigationActionsTasks",
    "ListAuditTasks",
    "ListMitigationActions",
    "ListScheduledAudits",
    "StartAuditMitigationActionsTask",
    "StartOnDemandAuditTask",
    "UpdateMitigationAction",
    "UpdateScheduledAudit",
]


def without_documentation(value):
    """The same JSON without its prose, which is no part of the contract."""
    if isinstance(value, dict):
        return {
            key: without_documentation(inner)
            for key, inner in value.items()
            # A member could be called "documentation": then it is a dict.
            if not (key == "documentation" and isinstance(inner, str))
        }
    if isinstance(value, list):
        return [without_documentation(inner) for inner in value]
    return value


def extract():
    """The metadata, the operations, and every shape that these reach."""
    path = pathlib.Path(botocore.__file__).parent / "data/iot/2015-05-28/service-2.json.gz"
    with gzip.open(path) as file:
        service = json.load(file)

    operations = {}
    reached = []
    for name in OPERATIONS:
        operation = service["operations"][name]
        operations[name] = {
            "http": operation["http"],
            "input": operation["input"]["shape"],
            "output": operation["output"]["shape"],
            "errors": sorted(error["shape"] for error in operation["errors"]),
        }
        reached += [operations[name]["input"], operations[name]["output"], *operations[name]["errors"]]

    shapes = {}
    while reached:
        name = reached.pop()
        if name in shapes:
            continue
        shape = without_documentation(service["shapes"][name])
        shapes[name] = shape
        inner = list(shape.get("members", {}).values())
        inner += [shape[part] for part in ("member", "key", "value") if part in shape]
        reached += [reference["shape"] for reference in inner]

    metadata = service["metadata"]
    return {
        "metadata": {key: metadata[key] for key in ("apiVersion", "protocol", "signingName", "signatureVersion")},
        "operations": operations,
        "shapes": dict(sorted(shapes.items())),
    }


def render(model):
    """JSON with one entry a line: small, and its changes are readable in a diff."""
    parts = []
    for section, entries in model.items():
        lines = ",\n".join(
            f"    {json.dumps(name)}: {json.dumps(entry, sort_keys=True)}" for name, entry in entries.items()
        )
        parts.append(f"  {json.dumps(section)}: {{\n{lines}\n  }}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    sys.stdout.write(render(extract()))
