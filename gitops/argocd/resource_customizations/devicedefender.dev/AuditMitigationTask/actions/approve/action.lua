-- The approval of the plan that is shown, and of no other: before the start it is compared with what is true then.
obj.spec.approval.plan = obj.status.plan.hash
return obj
