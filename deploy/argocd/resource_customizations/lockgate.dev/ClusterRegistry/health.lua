-- A ClusterRegistry has one condition, Ready: its credentials could be read, and stand where they are needed. Where they do not it is
-- Progressing and never Degraded, since that would fail the sync that may bring the Secret.
local status = obj.status
local health = {
  status = "Progressing",
  message = "Lockgate's projector, which is off by default, has not looked at this version of the ClusterRegistry yet"
}

-- A new ClusterRegistry has observedGeneration -1 by the CRD's default.
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
