# What jq has and jaq has not, or has in another way, as far as jq itself can say it. These stand behind jaq's own definitions, and win.

# Sets and tables
def IN(wanted): any(wanted == .; .);
def IN(found; wanted): any(found == wanted; .);
def INDEX(rows; f): reduce rows as $row ({}; .[$row | f | tostring] = $row);
def INDEX(f): INDEX(.[]; f);
def JOIN($table; rows; f): rows | [., $table[f]];
def JOIN($table; rows; f; g): JOIN($table; rows; f) | g;
def JOIN($table; f): [JOIN($table; .[]; f)];

# Objects
def from_entries: reduce .[] as $row ({}; . + {
  ($row | (if .key == null then .k // .name // .Name // .K // .Key else .key end) | if isstring then . else tojson end):
  ($row | if has("value") then .value elif has("v") then .v else .Value end)});
def with_entries(f): to_entries | map(f) | from_entries;
def walk(f): def inner: (if . >= [] then map_values(inner) end) | f; inner;
def leaf_paths: paths(scalars);

# Arrays
def toarray: if isarray then . else [.] end;
def join($between): [.[] | if . == null then "" else tostring end] | .[:-1][] += $between | add // "";
def delpaths($paths): reduce ($paths | unique | reverse[]) as $path (.; getpath($path) |= empty);
def del(f): delpaths([path(f)]);

# Strings
def trimstr($ends): ltrimstr($ends) | rtrimstr($ends);
def ascii: [.] | implode;
def date: todate;

def have_literal_numbers: true;

# Formats
def @base64d: tostring | . + ["", "", "==", "="][length % 4] | decode_base64;
def @csv: [.[] | if isstring then "\"" + (split("\"") | join("\"\"")) + "\"" elif . >= [] then error("no cell") else . end] | join(",");
def @tsv: [.[] | if isstring then reduce (["\\", "\\\\"], ["\t", "\\t"], ["\n", "\\n"], ["\r", "\\r"]) as [$from, $to]
  (.; split($from) | join($to)) elif . >= [] then error("no cell") else . end] | join("\t");
