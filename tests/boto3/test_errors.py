"""Each error is parsed as its class, and each fault looks to a real client as it should."""

import threading

import botocore.config
import boto3
import pytest
from botocore import UNSIGNED
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from conftest import ENDPOINT, start, wait_for


def test_task_already_exists(iot):
    start(iot, "t-1", "one")
    with pytest.raises(iot.exceptions.TaskAlreadyExistsException) as raised:
        start(iot, "t-1", "two")
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert "t-1" in raised.value.response["Error"]["Message"]


@pytest.mark.parametrize(
    ("reading", "error"), [("success", None), ("task_already_exists", "TaskAlreadyExistsException")]
)
def test_replay(iot, admin, reading, error):
    admin.settings(readings={"replay": reading})
    start(iot, "t-1", "one")
    if error is None:
        assert start(iot, "t-1", "one")["taskId"] == "t-1"
    else:
        with pytest.raises(getattr(iot.exceptions, error)):
            start(iot, "t-1", "one")


def test_limit_exceeded(iot, admin):
    admin.settings(quotas={"running_tasks": 1})
    start(iot, "t-1", "one")
    with pytest.raises(iot.exceptions.LimitExceededException) as raised:
        start(iot, "t-2", "two")
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 410


def test_throttling(iot, admin):
    admin.settings(quotas={"describe": 1})
    throttled = 0
    for _ in range(3):
        try:
            iot.describe_audit_task(taskId="a3aea009955e501a31b764abe1bebd3d")
        except iot.exceptions.ThrottlingException as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400
            throttled += 1
    assert throttled > 0


def test_invalid_request(iot):
    start(iot, "t-1")
    iot.cancel_audit_mitigation_actions_task(taskId="t-1")
    with pytest.raises(iot.exceptions.InvalidRequestException):
        iot.cancel_audit_mitigation_actions_task(taskId="t-1")


@pytest.mark.parametrize(
    ("call", "name"),
    [
        ("describe_audit_mitigation_actions_task", "taskId"),
        ("cancel_audit_mitigation_actions_task", "taskId"),
        ("describe_audit_finding", "findingId"),
        ("describe_audit_task", "taskId"),
        ("describe_mitigation_action", "actionName"),
    ],
)
def test_not_found(iot, call, name):
    with pytest.raises(iot.exceptions.ResourceNotFoundException) as raised:
        getattr(iot, call)(**{name: "none"})
    assert raised.value.response["Error"]["Message"] == "Not Found"


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ({"type": "internal"}, 500, "InternalFailureException"),
        ({"type": "throttle"}, 400, "ThrottlingException"),
        ({"type": "limit"}, 410, "LimitExceededException"),
        ({"type": "not_found"}, 404, "ResourceNotFoundException"),
        ({"type": "access_denied"}, 403, "AccessDeniedException"),
        ({"type": "expired_token"}, 403, "ExpiredTokenException"),
        ({"type": "unrecognized_client"}, 403, "UnrecognizedClientException"),
        ({"type": "error", "status": 409, "code": "OddException"}, 409, "OddException"),
        ({"type": "unavailable"}, 503, "503"),
        ({"type": "raw", "status": 502, "body": "bad gateway"}, 502, "502"),
    ],
)
def test_faults_that_answer(iot, admin, account, fault, status, code):
    admin.inject(fault, account, times=1)
    with pytest.raises(ClientError) as raised:
        start(iot, "t-1")
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert raised.value.response["Error"]["Code"] == code
    known = getattr(iot.exceptions, code, None) if code.isidentifier() and hasattr(iot.exceptions, code) else ClientError
    assert isinstance(raised.value, known)
    assert start(iot, "t-1")["taskId"] == "t-1"


def test_a_fault_for_a_task_and_an_operation_only(iot, admin, account):
    admin.inject({"type": "internal"}, account, operation="StartAuditMitigationActionsTask", task_id="bad-*")
    start(iot, "good-1", "one")
    with pytest.raises(iot.exceptions.InternalFailureException):
        start(iot, "bad-1", "two")
    admin.request("DELETE", "faults")
    start(iot, "bad-1", "two")


@pytest.mark.parametrize("after_work", [False, True])
def test_a_cut_before_or_after_the_work(iot, admin, account, after_work):
    admin.inject({"type": "cut"}, account, times=1, after_work=after_work)
    with pytest.raises(ConnectionClosedError):
        start(iot, "t-1")
    (call,) = admin.calls(account)
    assert (call["worked"], call["delivered"]) == (after_work, False)
    if after_work:
        assert iot.describe_audit_mitigation_actions_task(taskId="t-1")["taskStatus"] == "IN_PROGRESS"
    else:
        with pytest.raises(iot.exceptions.ResourceNotFoundException):
            iot.describe_audit_mitigation_actions_task(taskId="t-1")


def test_no_answer_at_all(client, iot, admin, account):
    admin.inject({"type": "hang"}, account, times=1, after_work=True)
    with pytest.raises(ReadTimeoutError):
        start(client(read_timeout=0.5), "t-1")
    wait_for(lambda: admin.calls(account) and admin.calls(account)[0]["worked"])
    assert iot.describe_audit_mitigation_actions_task(taskId="t-1")["taskStatus"] == "IN_PROGRESS"
    assert admin.calls(account)[0]["delivered"] is False


def test_garbage(iot, admin, account):
    start(iot, "t-1")
    admin.inject({"type": "garbage"}, account, times=1)
    # botocore takes a body that it can't parse for an empty answer.
    described = iot.describe_audit_mitigation_actions_task(taskId="t-1")
    assert set(described) == {"ResponseMetadata"}


def test_latency_holds_one_call_and_not_the_others(iot, admin, account):
    admin.inject({"type": "latency", "before": "1h"}, account, task_id="slow", times=1)
    # Nobody waits for this thread: its answer would take an hour.
    threading.Thread(target=start, args=(iot, "slow", "one"), daemon=True).start()
    wait_for(lambda: admin.calls(account))
    assert start(iot, "fast", "two")["taskId"] == "fast"
    slow, fast = admin.calls(account)
    assert (slow["task_id"], slow["status"], slow["worked"]) == ("slow", None, False)
    assert (fast["task_id"], fast["status"], fast["worked"]) == ("fast", 200, True)


def test_an_unknown_status_reaches_the_client(iot, admin, account):
    start(iot, "t-1")
    admin.inject({"type": "task_status", "status": "PAUSED"}, account, times=1)
    assert iot.describe_audit_mitigation_actions_task(taskId="t-1")["taskStatus"] == "PAUSED"


def test_an_unsigned_request_is_refused():
    anonymous = boto3.client(
        "iot", endpoint_url=ENDPOINT, region_name="eu-west-1", config=botocore.config.Config(signature_version=UNSIGNED)
    )
    with pytest.raises(ClientError) as raised:
        anonymous.list_mitigation_actions()
    assert raised.value.response["Error"]["Code"] == "MissingAuthenticationTokenException"
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_another_service_is_refused(account):
    client = boto3.client(
        "iot-data",
        endpoint_url=ENDPOINT,
        region_name="eu-west-1",
        aws_access_key_id=account,
        aws_secret_access_key="x",
        config=botocore.config.Config(retries={"total_max_attempts": 1}),
    )
    with pytest.raises(ClientError) as raised:
        client.get_thing_shadow(thingName="x")
    assert raised.value.response["Error"]["Code"] == "InvalidSignatureException"


def test_an_operation_that_is_not_simulated(iot):
    with pytest.raises(ClientError) as raised:
        iot.list_things()
    assert raised.value.response["Error"]["Code"] == "UnknownOperationException"
