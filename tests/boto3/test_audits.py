"""Audits that run, and what an account has for them: schedules, actions, suppressions."""

import datetime
import urllib.error

import pytest

from test_operations import window

CHECK = "REVOKED_DEVICE_CERTIFICATE_STILL_ACTIVE_CHECK"
ROLE = "arn:aws:iam::123456789012:role/revoke"
DEACTIVATE = {"updateDeviceCertificateParams": {"action": "DEACTIVATE"}}


@pytest.fixture
def nightly(iot, admin):
    """A schedule with three certificates to find; runs an audit of it and gives its id."""
    iot.create_scheduled_audit(scheduledAuditName="nightly", frequency="DAILY", targetCheckNames=[CHECK])
    admin.request("POST", "problems", {"checkName": CHECK, "count": 3, "problemId": "cert"})
    return lambda **audit: admin.request("POST", "audits/run", {"scheduledAuditName": "nightly", **audit})["taskId"]


def mitigate(iot, task_id, audit, *actions):
    iot.start_audit_mitigation_actions_task(
        taskId=task_id,
        target={"auditTaskId": audit},
        auditCheckToActionsMapping={CHECK: list(actions)},
        clientRequestToken=task_id,
    )


def finding_ids(iot, audit, **filters):
    pages = iot.get_paginator("list_audit_findings").paginate(taskId=audit, **filters)
    return [finding["findingId"] for page in pages for finding in page["findings"]]


def test_a_scheduled_audit_from_its_creation_to_its_deletion(iot):
    name = {"scheduledAuditName": "weekly"}
    made = iot.create_scheduled_audit(**name, frequency="WEEKLY", dayOfWeek="TUE", targetCheckNames=[CHECK])
    assert made["scheduledAuditArn"].endswith(":scheduledaudit/weekly")
    with pytest.raises(iot.exceptions.ResourceAlreadyExistsException) as raised:
        iot.create_scheduled_audit(**name, frequency="DAILY", targetCheckNames=[CHECK])
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
    iot.update_scheduled_audit(**name, frequency="MONTHLY", dayOfMonth="LAST")
    described = iot.describe_scheduled_audit(**name)
    assert (described["frequency"], described["dayOfMonth"], described["targetCheckNames"]) == ("MONTHLY", "LAST", [CHECK])
    assert "dayOfWeek" not in described
    listed = {audit["scheduledAuditName"]: audit for audit in iot.list_scheduled_audits()["scheduledAudits"]}
    assert listed["weekly"]["frequency"] == "MONTHLY"
    iot.delete_scheduled_audit(**name)
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.describe_scheduled_audit(**name)


def test_the_loop_from_a_problem_to_a_compliant_fleet(iot, admin, nightly):
    first = nightly()
    described = iot.describe_audit_task(taskId=first)
    assert (described["taskType"], described["scheduledAuditName"]) == ("SCHEDULED_AUDIT_TASK", "nightly")
    assert described["auditDetails"][CHECK]["nonCompliantResourcesCount"] == 3
    # A group makes no certificate good, and what is held has mended nothing yet.
    mitigate(iot, "t-1", first, "Quarantine")
    admin.outcome("t-2", held=True)
    mitigate(iot, "t-2", first, "Quarantine", "Deactivate")
    assert [task["task_id"] for task in admin.request("GET", f"tasks?audit={first}")] == ["t-1", "t-2"]
    second = nightly()
    assert iot.describe_audit_task(taskId=second)["auditDetails"][CHECK]["nonCompliantResourcesCount"] == 3
    admin.request("POST", "tasks/t-2/finish")
    assert admin.request("GET", "problems") == []
    third = iot.describe_audit_task(taskId=nightly())["auditDetails"][CHECK]
    assert (third["checkRunStatus"], third["checkCompliant"]) == ("COMPLETED_COMPLIANT", True)


def test_findings_in_pages_of_250(iot, admin):
    admin.request("POST", "problems", {"checkName": CHECK, "count": 1200, "problemId": "many"})
    audit = iot.start_on_demand_audit_task(targetCheckNames=[CHECK])["taskId"]
    pages = list(
        iot.get_paginator("list_audit_findings").paginate(
            taskId=audit, checkName=CHECK, listSuppressedFindings=False, PaginationConfig={"PageSize": 250}
        )
    )
    assert [len(page["findings"]) for page in pages] == [250, 250, 250, 250, 200]
    ids = {finding["findingId"] for page in pages for finding in page["findings"]}
    certificates = {
        finding["nonCompliantResource"]["resourceIdentifier"]["deviceCertificateId"]
        for page in pages
        for finding in page["findings"]
    }
    assert (len(ids), len(certificates)) == (1200, 1200)


def test_an_audit_in_progress_and_its_end(iot, admin, nightly):
    audit = nightly(taskStatus="IN_PROGRESS")
    described = iot.describe_audit_task(taskId=audit)
    assert (described["taskStatus"], described["taskStatistics"]["inProgressChecks"]) == ("IN_PROGRESS", 1)
    assert finding_ids(iot, audit) == []
    running = iot.list_audit_tasks(**window(), taskStatus="IN_PROGRESS", taskType="SCHEDULED_AUDIT_TASK")["tasks"]
    assert [entry["taskId"] for entry in running] == [audit]
    admin.request("POST", f"audits/{audit}/complete", {"taskStatus": "COMPLETED"})
    assert iot.describe_audit_task(taskId=audit)["taskStatus"] == "COMPLETED"
    assert finding_ids(iot, audit) == [f"{audit}-cert-{number}" for number in (1, 2, 3)]
    assert iot.describe_audit_finding(findingId=f"{audit}-cert-1")["finding"]["checkName"] == CHECK


def test_an_audit_that_fails_and_one_that_is_cancelled(iot, admin, nightly):
    failed = nightly(taskStatus="IN_PROGRESS")
    result = {"checkRunStatus": "FAILED", "errorCode": "INSUFFICIENT_PERMISSIONS", "message": "no"}
    admin.request("POST", f"audits/{failed}/complete", {"taskStatus": "FAILED", "checkResults": {CHECK: result}})
    described = iot.describe_audit_task(taskId=failed)
    assert (described["taskStatus"], described["auditDetails"][CHECK]["errorCode"]) == ("FAILED", "INSUFFICIENT_PERMISSIONS")
    canceled = nightly(taskStatus="IN_PROGRESS")
    iot.cancel_audit_task(taskId=canceled)
    assert iot.describe_audit_task(taskId=canceled)["taskStatistics"]["canceledChecks"] == 1
    assert finding_ids(iot, failed) == finding_ids(iot, canceled) == []
    with pytest.raises(iot.exceptions.InvalidRequestException):
        iot.cancel_audit_task(taskId=canceled)


def test_totals_of_resources(iot, admin, nightly):
    audit = nightly(checkResults={CHECK: {"totalResourcesCount": 40}})
    details = iot.describe_audit_task(taskId=audit)["auditDetails"][CHECK]
    assert (details["totalResourcesCount"], details["nonCompliantResourcesCount"]) == (40, 3)


@pytest.mark.parametrize(("reading", "listed", "mitigated"), [("stops", 2, 2), ("shown", 2, 3), ("ignored", 3, 3)])
def test_a_suppression_after_the_audit(iot, admin, nightly, reading, listed, mitigated):
    admin.settings(readings={"late_suppression": reading})
    audit = nightly()
    admin.request("POST", f"findings/{audit}-cert-1/suppress")
    assert len(finding_ids(iot, audit, listSuppressedFindings=False)) == listed
    mitigate(iot, "t-1", audit, "Quarantine")
    (task,) = admin.request("GET", f"tasks?audit={audit}")
    assert len(task["mitigates"]) == mitigated
    assert len(finding_ids(iot, nightly(), listSuppressedFindings=True)) == 1


def test_an_action_that_is_redefined(iot, admin, nightly):
    made = iot.create_mitigation_action(actionName="Revoke", roleArn=ROLE, actionParams=DEACTIVATE)
    audit = nightly()
    mitigate(iot, "t-1", audit, "Revoke")
    before = iot.describe_mitigation_action(actionName="Revoke")
    assert (before["actionId"], before["actionType"]) == (made["actionId"], "UPDATE_DEVICE_CERTIFICATE")
    group = {"addThingsToThingGroupParams": {"thingGroupNames": ["A", "B"], "overrideDynamicGroups": True}}
    iot.update_mitigation_action(actionName="Revoke", actionParams=group)
    after = iot.describe_mitigation_action(actionName="Revoke")
    assert (after["actionId"], after["actionParams"]) == (before["actionId"], group)
    assert after["lastModifiedDate"] >= before["lastModifiedDate"] >= before["creationDate"]
    admin.request("PATCH", "actions/Revoke", {"newId": True, "roleArn": ROLE + "-again"})
    assert iot.describe_mitigation_action(actionName="Revoke")["actionId"] != before["actionId"]
    mitigate(iot, "t-2", audit, "Revoke")
    applied = [iot.describe_audit_mitigation_actions_task(taskId=task)["actionsDefinition"][0] for task in ("t-1", "t-2")]
    assert [(action["roleArn"], action["actionParams"]) for action in applied] == [
        (ROLE, DEACTIVATE),
        (ROLE + "-again", group),
    ]
    iot.delete_mitigation_action(actionName="Revoke")
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.describe_mitigation_action(actionName="Revoke")


def test_a_strict_account_knows_only_what_was_defined(iot, admin, nightly):
    admin.settings(unknown_targets="refuse")
    for audit, action in [("none", "Deactivate"), (nightly(), "none")]:
        with pytest.raises(iot.exceptions.InvalidRequestException) as raised:
            mitigate(iot, "t-1", audit, action)
        assert "does not exist" in raised.value.response["Error"]["Message"]


def test_a_window_from_before_the_retained_days(iot):
    now = datetime.datetime.now(datetime.timezone.utc)
    with pytest.raises(iot.exceptions.InvalidRequestException):
        iot.list_audit_tasks(startTime=now - datetime.timedelta(days=91), endTime=now)
    assert "tasks" in iot.list_audit_tasks(startTime=now - datetime.timedelta(days=89), endTime=now)


def test_a_list_of_audits_tells_id_status_and_type_in_pages(iot, nightly):
    audits = {nightly() for _ in range(3)}
    pages = iot.get_paginator("list_audit_tasks").paginate(
        **window(), taskType="SCHEDULED_AUDIT_TASK", PaginationConfig={"PageSize": 2}
    )
    entries = [entry for page in pages for entry in page["tasks"]]
    assert audits <= {entry["taskId"] for entry in entries}
    assert all(set(entry) == {"taskId", "taskStatus", "taskType"} for entry in entries)


def test_operations_on_scheduled_audits_have_a_rate_of_their_own(iot, admin):
    assert admin.request("GET", "settings")["quotas"]["scheduled_audits"] == 5
    admin.settings(quotas={"scheduled_audits": 0})
    with pytest.raises(iot.exceptions.ThrottlingException):
        iot.list_scheduled_audits()
    assert iot.list_mitigation_actions()["actionIdentifiers"]


def test_a_lasting_fault_of_one_name(iot, admin, account):
    admin.inject({"type": "access_denied"}, account, operation="DescribeMitigationAction", name="Quar*")
    for _ in range(3):
        with pytest.raises(iot.exceptions.ClientError) as raised:
            iot.describe_mitigation_action(actionName="Quarantine")
        assert raised.value.response["Error"]["Code"] == "AccessDeniedException"
    assert iot.describe_mitigation_action(actionName="Notify")["actionName"] == "Notify"
    assert {call["name"] for call in admin.calls(account)} == {"Quarantine", "Notify"}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    [
        ("POST", "audits/run", {"scheduledAuditName": "none"}, 404, "there is no schedule none"),
        ("POST", "audits/none/complete", {"taskStatus": "FAILED"}, 404, "there is no audit in progress none"),
        ("POST", "audits/run", {"checks": ["X"], "taskStatus": "DONE"}, 422, "IN_PROGRESS, COMPLETED"),
        ("POST", "schedules", {"scheduledAuditName": "x", "frequency": "HOURLY", "targetCheckNames": []}, 422, "DAILY"),
        ("POST", "problems", {"checkName": "X", "problemId": "no spaces"}, 422, "not a valid problem"),
        ("POST", "findings/none/suppress", None, 404, "there is no finding none"),
        ("PATCH", "actions/none", {}, 404, "there is no action none"),
        ("PATCH", "actions/Notify", {"actionParams": {}}, 422, "exactly one type"),
        ("DELETE", "audits/none*", None, 404, "there is no audit none*"),
        ("DELETE", "schedules/none", None, 404, "there is no schedule none"),
    ],
)
def test_the_admin_api_says_what_is_wrong(admin, method, path, body, status, says):
    with pytest.raises(urllib.error.HTTPError) as raised:
        admin.request(method, path, body)
    assert (raised.value.code, says in (told := raised.value.read().decode())) == (status, True), told
