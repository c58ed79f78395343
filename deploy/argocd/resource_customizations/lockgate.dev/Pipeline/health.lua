-- A Pipeline's conditions follow kstatus: Reconciling and Stalled are present only while True. Ready is always there once
-- Lockgate has looked; Complete is there for a Job and never for a Service. docs/gitops.md says why each answer is so.
local status = obj.status
local health = {status = "Progressing", message = "Lockgate has not looked at this version of the Pipeline yet"}

-- A new Pipeline has observedGeneration -1 by the CRD's default.
if status == nil or status.observedGeneration ~= obj.metadata.generation or status.conditions == nil then
  return health
end

local found = {}
for _, condition in ipairs(status.conditions) do
  found[condition.type] = condition
end
local ready = found["Ready"]
if ready == nil then
  return health
end
health.message = ready.message

-- Failed for good, a roll that is stuck, a spec that is not valid, a wait that took too long.
if found["Stalled"] ~= nil and found["Stalled"].status == "True" then
  health.status = "Degraded"
  return health
end

-- Waiting is never Degraded, since that would fail the sync that may bring the Secret.
if status.phase == "Waiting" then
  local annotations = obj.metadata.annotations
  if annotations ~= nil and annotations["lockgate.dev/health-while-waiting"] == "Healthy" then
    health.status = "Healthy"
    health.message = "waiting for " .. (status.waitingFor or "what its status names")
  end
  return health
end

-- Pods that start, and a Service that is being rolled.
if found["Reconciling"] ~= nil and found["Reconciling"].status == "True" then
  return health
end

if ready.reason == "Suspended" then
  health.status = "Suspended"
  return health
end

-- A Job is Healthy when it is done, as a batch Job is: a hook or a wave waits for its end.
if found["Complete"] ~= nil and found["Complete"].status ~= "True" then
  return health
end

if ready.status == "True" then
  health.status = "Healthy"
end
return health
