local suspended = obj.spec.suspend == true
local actions = {}
actions["run"] = {
  ["disabled"] = suspended,
  ["displayName"] = "Run once more",
  ["iconClass"] = "fa-solid fa-fw fa-play"
}
actions["suspend"] = {
  ["disabled"] = suspended,
  ["iconClass"] = "fa-solid fa-fw fa-pause"
}
actions["resume"] = {
  ["disabled"] = not suspended,
  ["iconClass"] = "fa-solid fa-fw fa-forward"
}
return actions
