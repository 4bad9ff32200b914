-- Without a status for the present spec nothing is known yet. observedGeneration is -1 until an operator has looked.
local status = obj.status
if status == nil or status.conditions == nil then
  return { status = "Progressing", message = "Waiting for the operator to look at this resource" }
end
if status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "Waiting for the operator to look at the edited spec" }
end

local conditions = {}
for _, condition in ipairs(status.conditions) do
  conditions[condition.type] = condition
end
local function is_true(name)
  return conditions[name] ~= nil and conditions[name].status == "True"
end

local message = ""
if conditions.Ready ~= nil then
  message = conditions.Ready.message
end

-- Its own audits are read. A fleet with findings, a task that waits, or one that has failed is no broken policy: the
-- task has a health of its own.
if is_true("Ready") then
  return { status = "Healthy", message = message }
end
if is_true("Stalled") then
  return { status = "Degraded", message = message }
end
return { status = "Progressing", message = message }
