//! What jaq lacks of jq, and jq itself can say.

use super::*;

/// `ours.jq`: each of these gives what jq gives.
#[test]
fn what_jaq_lacks_and_jq_can_say_is_as_in_jq() {
    for (expression, expected) in [
        (r#""aGk" | @base64d"#, r#""hi""#),
        (r#""aGk=" | @base64d"#, r#""hi""#),
        (r#"@base64d "x\("aA")""#, r#""xh""#),
        ("2 | IN(1, 2)", "true"),
        ("[1,2] | IN(2)", "false"),
        ("IN(1, 2; 2, 3)", "true"),
        ("[.run] | INDEX(.)", r#"{"7":7}"#),
        ("INDEX({id: 1}, {id: \"x\"}; .id)", r#"{"1":{"id":1},"x":{"id":"x"}}"#),
        (r#"[1, 2] | JOIN({"1": 9}; tostring)"#, "[[1,9],[2,null]]"),
        (r#"[JOIN({"1": 9}; 1, 2; tostring)]"#, "[[1,9],[2,null]]"),
        (r#"[JOIN({"1": 9}; 1, 2; tostring; add)]"#, "[10,2]"),
        (r#"[{"name": "a", "value": 1}, {"k": "b", "v": 2}] | from_entries"#, r#"{"a":1,"b":2}"#),
        (r#"[{"key": 1, "value": false}, {"key": "n", "value": null}] | from_entries"#, r#"{"1":false,"n":null}"#),
        ("{a: 1, b: 2} | with_entries(select(.key == \"a\") | .value += 1)", r#"{"a":2}"#),
        ("[[1,2],[3]] | walk(if type == \"array\" then add else . end)", "6"),
        ("{a: [1, {b: 2}]} | walk(if type == \"number\" then . + 1 else . end)", r#"{"a":[2,{"b":3}]}"#),
        ("[1,[2]] | [leaf_paths]", "[[0],[1,0]]"),
        ("[1, [1]] | map(toarray)", "[[1],[1]]"),
        (r#"[null, "a", true, 1.5] | join("-")"#, r#""-a-true-1.5""#),
        (r#"[] | join(",")"#, r#""""#),
        ("[1,2] | del(.[0,1])", "[]"),
        ("[1,2,3,4,5] | del(.[0], .[4], .[2], .[0])", "[2,4]"),
        ("[1,2,3,4] | del(.[1:3])", "[1,4]"),
        ("[{a: 1, b: 2}, {a: 3}] | del(.[].a, .[1].c)", r#"[{"b":2},{}]"#),
        ("[1,2,3] | delpaths([[0],[1]])", "[3]"),
        (r#""test" | trimstr("t")"#, r#""es""#),
        ("[65, 97] | map(ascii) | add", r#""Aa""#),
        ("1425599621 | date", r#""2015-03-05T23:53:41Z""#),
        ("have_literal_numbers", "true"),
        (r#"[1, "a\"b", null, true, ""] | @csv"#, r#""1,\"a\"\"b\",,true,\"\"""#),
        (r#"[1, "a\tb\\\n\r", null, false] | @tsv"#, r#""1\ta\\tb\\\\\\n\\r\t\tfalse""#),
        (r#"@csv "row: \([1, "a"])""#, r#""row: 1,\"a\"""#),
        ("[[.secrets.token]] | @csv", "! an array or object stands in a row of @csv or @tsv"),
        ("[.secrets.db] | @tsv", "! an array or object stands in a row of @csv or @tsv"),
    ] {
        assert_eq!(given(expression), expected, "{expression}");
    }
}
