"""The simulator's table is botocore's model, and the server holds to it."""

import json
import pathlib
import time

import botocore.session
import pytest
from botocore.exceptions import ClientError
from botocore.model import ListShape, MapShape, StringShape, StructureShape

import extract_model
from conftest import start

COMMITTED = pathlib.Path(__file__).parents[2] / "simulator/src/model.json"

SERVICE = botocore.session.get_session().get_service_model("iot")

TASK = {"taskId": "t-1"}
# Audits are kept for 90 days; a window that begins before is refused.
WINDOW = {"startTime": int(time.time()) - 86_400, "endTime": int(time.time()) + 86_400}
ROLE = "arn:aws:iam::123456789012:role/mitigation"
TAGS = [{"Key": "team", "Value": "fleet"}]
RESOURCE = {
    "deviceCertificateId": "a" * 64,
    "caCertificateId": "a" * 64,
    "cognitoIdentityPoolId": "pool",
    "clientId": "client",
    "policyVersionIdentifier": {"policyName": "policy", "policyVersionId": "1"},
    "account": "123456789012",
    "iamRoleArn": "arn:aws:iam::123456789012:role/x",
    "roleAliasArn": "arn",
    "issuerCertificateIdentifier": {
        "issuerCertificateSubject": "CN=x",
        "issuerId": "ab",
        "issuerCertificateSerialNumber": "0a",
    },
    "deviceCertificateArn": "arn",
}

# An input of each operation with every member set, as far as the members go together.
INPUTS = {
    "StartAuditMitigationActionsTask": {
        **TASK,
        "target": {
            "auditTaskId": "a",
            "findingIds": ["f"],
            "auditCheckToReasonCodeFilter": {"X": ["R"]},
        },
        "auditCheckToActionsMapping": {"X": ["action"]},
        "clientRequestToken": "token",
    },
    "DescribeAuditMitigationActionsTask": TASK,
    "CancelAuditMitigationActionsTask": TASK,
    "ListAuditMitigationActionsTasks": {
        **WINDOW,
        "auditTaskId": "a",
        "findingId": "f",
        "taskStatus": "FAILED",
        "maxResults": 5,
    },
    "ListAuditMitigationActionsExecutions": {
        **TASK,
        "findingId": "f",
        "actionStatus": "FAILED",
        "maxResults": 5,
    },
    "ListAuditFindings": {
        **WINDOW,
        "checkName": "X",
        "resourceIdentifier": RESOURCE,
        "maxResults": 5,
        "listSuppressedFindings": False,
    },
    "DescribeAuditFinding": {"findingId": "f"},
    "ListAuditTasks": {
        **WINDOW,
        "taskType": "ON_DEMAND_AUDIT_TASK",
        "taskStatus": "FAILED",
        "maxResults": 5,
    },
    "DescribeAuditTask": {"taskId": "a"},
    "ListMitigationActions": {"actionType": "UPDATE_CA_CERTIFICATE", "maxResults": 5},
    "DescribeMitigationAction": {"actionName": "action"},
    "CreateMitigationAction": {
        "actionName": "action",
        "roleArn": ROLE,
        "actionParams": {"publishFindingToSnsParams": {"topicArn": "arn:aws:sns:eu-west-1:123456789012:findings"}},
        "tags": TAGS,
    },
    # There is no such action, so nobody sees that these are the parameters of six.
    "UpdateMitigationAction": {
        "actionName": "no-such-action",
        "roleArn": ROLE,
        "actionParams": {
            "updateDeviceCertificateParams": {"action": "DEACTIVATE"},
            "updateCACertificateParams": {"action": "DEACTIVATE"},
            "addThingsToThingGroupParams": {"thingGroupNames": ["group"], "overrideDynamicGroups": True},
            "replaceDefaultPolicyVersionParams": {"templateName": "BLANK_POLICY"},
            "enableIoTLoggingParams": {"roleArnForLogging": ROLE, "logLevel": "ERROR"},
            "publishFindingToSnsParams": {"topicArn": "arn:aws:sns:eu-west-1:123456789012:findings"},
        },
    },
    "DeleteMitigationAction": {"actionName": "action"},
    "StartOnDemandAuditTask": {"targetCheckNames": ["X"]},
    "CancelAuditTask": {"taskId": "a"},
    "ListScheduledAudits": {"maxResults": 5},
    "DescribeScheduledAudit": {"scheduledAuditName": "schedule"},
    "CreateScheduledAudit": {
        "scheduledAuditName": "schedule",
        "frequency": "MONTHLY",
        "dayOfMonth": "LAST",
        "dayOfWeek": "SUN",
        "targetCheckNames": ["X"],
        "tags": TAGS,
    },
    "UpdateScheduledAudit": {
        "scheduledAuditName": "schedule",
        "frequency": "MONTHLY",
        "dayOfMonth": "1",
        "dayOfWeek": "SUN",
        "targetCheckNames": ["X"],
    },
    "DeleteScheduledAudit": {"scheduledAuditName": "schedule"},
}


def put(value, path, inner):
    """A copy of a value with one part replaced; None removes a member."""
    if not path:
        return inner
    head, *rest = path
    if isinstance(value, list):
        return [put(value[0], rest, inner)]
    copy = dict(value)
    if not rest and inner is None:
        del copy[head]
    else:
        copy[head] = put(value[head], rest, inner)
    return copy


def string_violations(shape):
    rules = shape.metadata
    good = "1" if shape.name in ("AwsAccountId", "PolicyVersionId") else "a"
    if "max" in rules:
        yield "max", good * (rules["max"] + 1)
    if rules.get("min"):
        yield "min", good * (rules["min"] - 1)
    # The pattern for IssuerCertificateSubject takes all of ASCII that can be seen, that for tags every letter there is.
    if "pattern" in rules:
        yield "pattern", "a" * (rules.get("min", 1) - 1) + "€"
    if shape.enum:
        yield "enum", "NONE_OF_THESE"


def violations(shape, value, path=()):
    """Every way to break the model with one part of an input: path, constraint, bad value."""
    if isinstance(shape, StructureShape):
        for name, inner in value.items():
            member = shape.members[name]
            # A path without its label is another path, and a missing token is filled by botocore.
            is_sent = member.serialization.get("location") != "uri" and not member.metadata.get("idempotencyToken")
            if name in shape.required_members and is_sent:
                yield (*path, name), "required", None
            yield from violations(shape.members[name], inner, (*path, name))
    elif isinstance(shape, MapShape):
        for key, inner in value.items():
            yield from violations(shape.value, inner, (*path, key))
    elif isinstance(shape, ListShape):
        if "max" in shape.metadata:
            yield path, "max", value * (shape.metadata["max"] + 1)
        if "min" in shape.metadata:
            yield path, "min", []
        yield from violations(shape.member, value[0], (*path, 0))
    elif isinstance(shape, StringShape):
        for constraint, bad in string_violations(shape):
            yield path, constraint, bad
    elif shape.type_name == "integer":
        yield path, "max", shape.metadata["max"] + 1
        yield path, "min", shape.metadata["min"] - 1


def cases():
    for operation, value in INPUTS.items():
        shape = SERVICE.operation_model(operation).input_shape
        for path, constraint, bad in violations(shape, value):
            # An empty label can't be sent: it would be another path.
            if bad == "" and shape.members[path[0]].serialization.get("location") == "uri":
                continue
            name = "-".join([operation, ".".join(map(str, path)), constraint])
            yield pytest.param(operation, path, put(value, list(path), bad), id=name)


@pytest.fixture
def unchecked(client, admin):
    """A client that sends anything, and a server without limits that takes odd targets."""
    admin.settings(
        quotas={
            "start": None, "cancel": None, "describe": None, "list": None, "scheduled_audits": None, "define": None
        },
        readings={"finding_ids_with_others": "accept"},
    )
    iot = client(parameter_validation=False)
    return lambda operation, value: iot._make_api_call(operation, value)


def test_the_committed_model_is_botocores():
    assert COMMITTED.read_text() == extract_model.render(extract_model.extract()), (
        "botocore's model has changed: write model.json again with "
        "`python tests/boto3/extract_model.py > simulator/src/model.json`"
    )


def test_every_operation_and_member_has_an_input():
    assert sorted(INPUTS) == extract_model.OPERATIONS
    for operation, value in INPUTS.items():
        members = set(SERVICE.operation_model(operation).input_shape.members)
        # A page's token is made by the server; the audit of findings doesn't go with their time.
        assert members - set(value) <= {"nextToken", "taskId"}, operation


@pytest.mark.parametrize("operation", INPUTS)
def test_a_full_input_is_accepted(operation, unchecked):
    try:
        unchecked(operation, INPUTS[operation])
    except ClientError as error:
        # It gets as far as to be looked up.
        assert error.response["Error"]["Code"] == "ResourceNotFoundException"


@pytest.mark.parametrize(("operation", "path", "value"), list(cases()))
def test_a_violation_of_the_model_is_refused(operation, path, value, unchecked):
    with pytest.raises(ClientError) as refused:
        unchecked(operation, value)
    assert refused.value.response["Error"]["Code"] == "InvalidRequestException"
    message = refused.value.response["Error"]["Message"]
    assert "validation error" in message
    # The path is told as the service does it: a list's members count from one.
    told = ".".join("1.member" if part == 0 else part for part in path)
    assert message.count(" at '") == message.count(f" at '{told}'"), message
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_answers_have_no_members_that_the_model_lacks(iot, admin, account):
    """botocore drops what it doesn't know, so this looks at the bytes."""
    seen = {}
    iot.meta.events.register(
        "before-parse.iot.*", lambda operation_model, response_dict, **_: seen.update({operation_model.name: response_dict})
    )
    start(iot, "t-1")
    running = admin.request("POST", "audits/run", {"checks": ["X"], "taskStatus": "IN_PROGRESS"})
    for operation, value in {
        "CreateMitigationAction": INPUTS["CreateMitigationAction"],
        "UpdateMitigationAction": {"actionName": "action", "roleArn": ROLE},
        "DeleteMitigationAction": {"actionName": "action"},
        "CreateScheduledAudit": INPUTS["CreateScheduledAudit"],
        "UpdateScheduledAudit": INPUTS["UpdateScheduledAudit"],
        "ListScheduledAudits": {},
        "DescribeScheduledAudit": {"scheduledAuditName": "schedule"},
        "DeleteScheduledAudit": {"scheduledAuditName": "schedule"},
        "StartOnDemandAuditTask": INPUTS["StartOnDemandAuditTask"],
        "CancelAuditTask": running,
        "DescribeAuditMitigationActionsTask": TASK,
        "ListAuditMitigationActionsTasks": {"startTime": 0, "endTime": 4_000_000_000},
        "ListAuditMitigationActionsExecutions": {**TASK, "findingId": "all-03-1"},
        "ListAuditFindings": {"taskId": "a3aea009955e501a31b764abe1bebd3d"},
        "DescribeAuditFinding": {"findingId": "all-03-1"},
        "ListAuditTasks": WINDOW,
        "DescribeAuditTask": {"taskId": "a3aea009955e501a31b764abe1bebd3d"},
        "ListMitigationActions": {},
        "DescribeMitigationAction": {"actionName": "UpdateCA"},
        "CancelAuditMitigationActionsTask": TASK,
    }.items():
        iot._make_api_call(operation, value)
    assert sorted(seen) == extract_model.OPERATIONS
    for operation, response in seen.items():
        check_answer(SERVICE.operation_model(operation).output_shape, json.loads(response["body"]), operation)


TYPES = {"string": str, "long": int, "integer": int, "boolean": bool, "timestamp": (int, float)}


def check_answer(shape, value, path):
    if isinstance(shape, StructureShape):
        assert set(value) <= set(shape.members), path
        assert set(shape.required_members) <= set(value), path
        for name, inner in value.items():
            check_answer(shape.members[name], inner, f"{path}.{name}")
    elif isinstance(shape, MapShape):
        for key, inner in value.items():
            check_answer(shape.value, inner, f"{path}.{key}")
    elif isinstance(shape, ListShape):
        assert value, f"{path}: an empty list shows nothing"
        for inner in value:
            check_answer(shape.member, inner, f"{path}[]")
    else:
        assert isinstance(value, TYPES[shape.type_name]), path
        if isinstance(shape, StringShape) and shape.enum:
            assert value in shape.enum, path
