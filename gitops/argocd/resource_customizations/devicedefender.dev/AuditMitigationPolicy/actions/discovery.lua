local actions = {}

if obj.metadata.deletionTimestamp ~= nil then
  return actions
end
-- While it is suspended no task is made. Tasks that exist go on; each has actions of its own, also the approval.
if obj.spec.suspend then
  actions["resume"] = {["iconClass"] = "fa fa-fw fa-play"}
else
  actions["suspend"] = {["iconClass"] = "fa fa-fw fa-pause"}
end

return actions
