local actions = {}

local status = obj.status or {}
local spec = obj.spec

local finished, reason = false, ""
for _, condition in ipairs(status.conditions or {}) do
  if condition.type == "Finished" then
    finished = condition.status == "True"
  elseif condition.type == "Ready" then
    reason = condition.reason
  end
end

-- Nothing can be asked of a task that is being cancelled or deleted. Refused by the service is an ending, but one
-- that any edit of the spec leads out of: suspend and resume try the same request again.
local rejected = status.phase == "Rejected"
if obj.metadata.deletionTimestamp ~= nil or spec.cancel or status.phase == "Canceling" or (finished and not rejected) then
  return actions
end

-- The task runs, or perhaps: its id is known, or a start was sent whose answer nobody saw.
local started = status.taskId ~= nil or status.attempt ~= nil
local unknown = status.phase == "Unknown"

-- What is approved is the plan that the status shows, so it must be the one of the present spec.
local waits = status.phase == "AwaitingApproval" and status.observedGeneration == obj.metadata.generation
if waits and status.plan ~= nil then
  actions["approve"] = {["iconClass"] = "fa fa-fw fa-check"}
end

-- A task can't be paused, so suspend only holds a start back. One that waits for approval is held back already.
if not started and spec.suspend then
  actions["resume"] = {["iconClass"] = "fa fa-fw fa-play"}
elseif not started and not unknown and not waits then
  actions["suspend"] = {["iconClass"] = "fa fa-fw fa-pause"}
end

-- The operator cancels only what this resource started. A task that the service doesn't show at present is cancelled
-- when it turns up; one that the service has forgotten never does.
local foreign = status.startedBy == "Other"
local lost = unknown and (status.startedBy == nil or reason == "TaskExpired")
if not (finished or foreign or lost) then
  actions["cancel"] = {["iconClass"] = "fa fa-fw fa-stop"}
end

return actions
