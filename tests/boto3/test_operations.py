"""Each operation, called as everybody calls it."""

import datetime

import pytest

from conftest import start

AUDIT = "a3aea009955e501a31b764abe1bebd3d"
CHECK = "CA_CERTIFICATE_EXPIRING_CHECK"


def window():
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=2)
    return {"startTime": now - day, "endTime": now + day}


def test_start_describe_and_end(iot, admin, account):
    admin.outcome("t-*", held=True)
    assert start(iot, "t-1")["taskId"] == "t-1"
    running = iot.describe_audit_mitigation_actions_task(taskId="t-1")
    assert running["taskStatus"] == "IN_PROGRESS"
    assert running["target"] == {"auditTaskId": AUDIT}
    assert running["auditCheckToActionsMapping"] == {CHECK: ["UpdateCA", "Notify"]}
    assert "endTime" not in running
    assert running["startTime"].tzinfo is not None
    definitions = {action["name"]: action for action in running["actionsDefinition"]}
    assert definitions["UpdateCA"]["actionParams"] == {"updateCACertificateParams": {"action": "DEACTIVATE"}}

    admin.request("POST", "tasks/t-1/finish")
    ended = iot.describe_audit_mitigation_actions_task(taskId="t-1")
    assert ended["taskStatus"] == "COMPLETED"
    assert ended["endTime"] >= ended["startTime"]
    assert ended["taskStatistics"][CHECK] == {
        "totalFindingsCount": 2,
        "succeededFindingsCount": 1,
        "failedFindingsCount": 0,
        "skippedFindingsCount": 1,
        "canceledFindingsCount": 0,
    }


def test_a_missing_token_is_filled_by_the_sdk(iot, admin, account):
    iot.start_audit_mitigation_actions_task(
        taskId="t-1", target={"auditTaskId": AUDIT}, auditCheckToActionsMapping={CHECK: ["UpdateCA"]}
    )
    (call,) = admin.calls(account)
    assert len(call["body"]["clientRequestToken"]) == 36


def test_cancel(iot, admin):
    admin.outcome("t-*", held=True)
    start(iot, "t-1")
    iot.cancel_audit_mitigation_actions_task(taskId="t-1")
    assert iot.describe_audit_mitigation_actions_task(taskId="t-1")["taskStatus"] == "CANCELED"


def test_list_tasks_by_every_filter_and_in_pages(iot, admin):
    admin.outcome("t-*", held=True)
    start(iot, "t-1")
    start(iot, "t-2", "token-2", findingIds=["f-1"])
    start(iot, "t-3", "token-3")
    admin.request("POST", "tasks/t-3/finish")

    def ids(**filters):
        return [task["taskId"] for task in iot.list_audit_mitigation_actions_tasks(**window(), **filters)["tasks"]]

    assert ids() == ["t-1", "t-2", "t-3"]
    assert ids(auditTaskId=AUDIT) == ["t-1", "t-3"]
    assert ids(findingId="f-1") == ["t-2"]
    assert ids(taskStatus="COMPLETED") == ["t-3"]
    pages = iot.get_paginator("list_audit_mitigation_actions_tasks").paginate(
        **window(), PaginationConfig={"PageSize": 2}
    )
    assert [len(page["tasks"]) for page in pages] == [2, 1]


def test_list_executions(iot, admin):
    admin.outcome("t-*", held=True, failures=[{"action": "UpdateCA", "error_code": "INVALID_STATE_OF_RESOURCE"}])
    start(iot, "t-1", findingIds=["f-1"])
    admin.request("POST", "tasks/t-1/finish")
    assert iot.describe_audit_mitigation_actions_task(taskId="t-1")["taskStatus"] == "FAILED"
    listed = iot.list_audit_mitigation_actions_executions(taskId="t-1", findingId="f-1")["actionsExecutions"]
    assert [(entry["actionName"], entry["status"]) for entry in listed] == [("UpdateCA", "FAILED"), ("Notify", "SKIPPED")]
    assert listed[0]["errorCode"] == "INVALID_STATE_OF_RESOURCE"
    skipped = iot.list_audit_mitigation_actions_executions(taskId="t-1", findingId="f-1", actionStatus="SKIPPED")
    assert [entry["actionName"] for entry in skipped["actionsExecutions"]] == ["Notify"]


def test_findings(iot, admin):
    pages = iot.get_paginator("list_audit_findings").paginate(taskId="5c0ffee0c0ffee0c0ffee0c0ffee0c0f")
    assert len([finding for page in pages for finding in page["findings"]]) == 120
    by_check = iot.list_audit_findings(**window(), checkName="LOGGING_DISABLED_CHECK")["findings"]
    assert [finding["reasonForNonComplianceCode"] for finding in by_check] == ["LOGGING_DISABLED"]
    unsuppressed = iot.list_audit_findings(taskId=AUDIT, checkName=CHECK, listSuppressedFindings=False)["findings"]
    assert [finding["findingId"] for finding in unsuppressed] == ["all-03-1"]
    finding = iot.describe_audit_finding(findingId="all-03-1")["finding"]
    assert (finding["taskId"], finding["checkName"], finding["severity"]) == (AUDIT, CHECK, "MEDIUM")


def test_audits(iot):
    listed = iot.list_audit_tasks(**window())["tasks"]
    assert AUDIT in [audit["taskId"] for audit in listed]
    scheduled = iot.list_audit_tasks(**window(), taskType="SCHEDULED_AUDIT_TASK", taskStatus="COMPLETED")["tasks"]
    assert [audit["taskId"] for audit in scheduled] == [AUDIT]
    audit = iot.describe_audit_task(taskId=AUDIT)
    assert audit["taskStatistics"]["totalChecks"] == len(audit["auditDetails"]) == 17
    assert audit["auditDetails"][CHECK]["checkRunStatus"] == "COMPLETED_NON_COMPLIANT"


def test_actions(iot):
    listed = iot.list_mitigation_actions(actionType="ENABLE_IOT_LOGGING")["actionIdentifiers"]
    assert [action["actionName"] for action in listed] == ["EnableLogging"]
    action = iot.describe_mitigation_action(actionName="EnableLogging")
    assert action["actionArn"] == listed[0]["actionArn"]
    assert action["actionType"] == "ENABLE_IOT_LOGGING"


def test_the_catalogue_can_be_added_to(iot, admin):
    admin.request("POST", "audits", {"taskId": "added", "checks": [CHECK]})
    finding = {"findingId": "added-1", "taskId": "added", "checkName": CHECK, "findingTime": 1_790_000_000}
    admin.request("POST", "findings", finding)
    assert iot.describe_audit_task(taskId="added")["taskStatus"] == "COMPLETED"
    start(iot, "t-1", auditTaskId="added")
    statistics = iot.describe_audit_mitigation_actions_task(taskId="t-1")["taskStatistics"]
    assert statistics[CHECK]["totalFindingsCount"] == 1


@pytest.mark.parametrize("region", ["us-east-1", "cn-north-1", "us-gov-west-1"])
def test_regions_are_apart(client, region):
    start(client(), "t-1")
    with pytest.raises(client(region).exceptions.ResourceNotFoundException):
        client(region).describe_audit_mitigation_actions_task(taskId="t-1")


def test_the_log_tells_what_was_asked(iot, admin, account):
    start(iot, "t-1", "my-token")
    (call,) = admin.calls(account)
    assert (call["operation"], call["task_id"], call["region"]) == (
        "StartAuditMitigationActionsTask",
        "t-1",
        "eu-west-1",
    )
    assert call["body"] == {
        "target": {"auditTaskId": AUDIT},
        "auditCheckToActionsMapping": {CHECK: ["UpdateCA", "Notify"]},
        "clientRequestToken": "my-token",
    }
    assert (call["status"], call["worked"], call["delivered"], call["unknown_members"]) == (200, True, True, [])
