"""A simulator to talk to, and boto3 clients that are each an account of their own."""

import json
import os
import time
import urllib.request
import uuid

import boto3
import botocore.config
import pytest

ENDPOINT = os.environ.get("SIMULATOR_ENDPOINT", "http://127.0.0.1:4566")


MEMBERS = {"schedules": "scheduledAuditName", "actions": "actionName", "audits": "taskId"}


class Admin:
    """The simulator's admin API."""

    def request(self, method, path, body=None):
        request = urllib.request.Request(
            f"{ENDPOINT}/_simulator/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def inject(self, kind, account, **match):
        return self.request("POST", "faults", {"kind": kind, "account": account, **match})["id"]

    def settings(self, **changes):
        return self.request("PATCH", "settings", changes)

    def calls(self, account):
        return [call for call in self.request("GET", "calls") if call["account"] == account]

    def names(self, kind):
        """The names of all schedules, or of all actions, or the ids of all audits."""
        return {entry[MEMBERS[kind]] for entry in self.request("GET", kind)}

    def outcome(self, pattern, **outcome):
        self.request("PUT", f"outcomes/{pattern}", outcome)


@pytest.fixture
def admin():
    """The admin API; settings, faults, outcomes, and what there is to mitigate are as before afterwards."""
    admin = Admin()
    before = admin.request("GET", "settings")
    names = {kind: admin.names(kind) for kind in MEMBERS}
    yield admin
    for kind, known in names.items():
        for added in admin.names(kind) - known:
            admin.request("DELETE", f"{kind}/{added}")
    if admin.request("GET", "problems"):
        admin.request("DELETE", "problems/*")
    admin.settings(**before)
    admin.request("DELETE", "faults")
    admin.request("DELETE", "outcomes")


@pytest.fixture
def account():
    """An access key that nobody else uses: an account without tasks and with full quotas."""
    return "AKIA" + uuid.uuid4().hex[:16].upper()


@pytest.fixture
def client(account):
    """Makes clients that neither retry nor wait long."""

    def make(region="eu-west-1", **config):
        return boto3.client(
            "iot",
            endpoint_url=ENDPOINT,
            region_name=region,
            aws_access_key_id=account,
            aws_secret_access_key="unchecked",
            aws_session_token="allowed",
            config=botocore.config.Config(
                **{"retries": {"total_max_attempts": 1}, "connect_timeout": 5, "read_timeout": 20, **config}
            ),
        )

    return make


@pytest.fixture
def iot(client):
    """A client as everybody has it."""
    return client()


def wait_for(condition):
    """Asks until it is so; gives up after half a minute."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "waited for half a minute"
        time.sleep(0.01)


def start(iot, task_id, token="token", **target):
    """Starts a task on an audit, unless another target is given."""
    return iot.start_audit_mitigation_actions_task(
        taskId=task_id,
        target=target or {"auditTaskId": "a3aea009955e501a31b764abe1bebd3d"},
        auditCheckToActionsMapping={"CA_CERTIFICATE_EXPIRING_CHECK": ["UpdateCA", "Notify"]},
        clientRequestToken=token,
    )
