-- Without a status for the present spec nothing is known yet. observedGeneration is -1 until an operator has looked.
local status = obj.status
if status == nil or status.conditions == nil then
  return { status = "Progressing", message = "Waiting for the operator to look at this resource" }
end
-- A deletion counts as a new generation, which is no news of how it ended.
if status.observedGeneration ~= obj.metadata.generation and obj.metadata.deletionTimestamp == nil then
  return { status = "Progressing", message = "Waiting for the operator to look at the edited spec" }
end

local conditions = {}
for _, condition in ipairs(status.conditions) do
  conditions[condition.type] = condition
end
local function is_true(name)
  return conditions[name] ~= nil and conditions[name].status == "True"
end

-- The message of Ready is the one of the phase.
local message = ""
if conditions.Ready ~= nil then
  message = conditions.Ready.message
end

-- The ending counts also while the resource is being deleted: Argo CD asks for the health of a deleted hook, which it
-- holds by a finalizer, to learn how it ended.
if is_true("Ready") then
  return { status = "Healthy", message = message }
end
if is_true("Failed") then
  return { status = "Degraded", message = message }
end
if obj.metadata.deletionTimestamp ~= nil then
  return { status = "Progressing", message = "Pending deletion: " .. message }
end
-- Not finished, because a task may still run that the operator can't see.
if is_true("Stalled") then
  return { status = "Degraded", message = message }
end
-- Nothing goes on until a person resumes or approves it.
if status.phase == "Suspended" or status.phase == "AwaitingApproval" then
  return { status = "Suspended", message = message }
end
return { status = "Progressing", message = message }
