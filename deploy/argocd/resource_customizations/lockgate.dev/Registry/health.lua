-- A Registry has one condition, Ready: its pull secret is there, and of a type that the kubelet reads (where Secrets are not looked
-- at, secretAccess: none, there is no more to wait for, and it is True). Where it is not the Registry
-- is Progressing and never Degraded, since that would fail the sync that may bring the Secret.
local status = obj.status
local health = {status = "Progressing", message = "Lockgate has not looked at this version of the Registry yet"}

-- A new Registry has observedGeneration -1 by the CRD's default.
if status == nil or status.observedGeneration ~= obj.metadata.generation or status.conditions == nil then
  return health
end

for _, condition in ipairs(status.conditions) do
  if condition.type == "Ready" then
    health.message = condition.message
    if condition.status == "True" then
      health.status = "Healthy"
    end
  end
end
return health
