-- Any new value of this annotation asks for one more run of unchanged work.
local os = require("os")
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["lockgate.dev/run-requested-at"] = os.date("!%Y-%m-%dT%H:%M:%SZ")
return obj
