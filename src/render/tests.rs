//! Tables of expressions: what they give, what is said where they give nothing, and what jaq does differently from jq.

mod ours;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::model::render::scan;

/// A value that no message may have in it.
const CANARY: &str = "canary-7c1f'\"\\ü";

fn data() -> Data {
    let text = |text: &str| SecretText::new(text.to_owned());
    Data {
        pipeline: "edges".to_owned(),
        namespace: "team-a".to_owned(),
        step: "load".to_owned(),
        index: 2,
        run: 7,
        env: vec![("LOG_LEVEL".to_owned(), "info".to_owned())],
        secrets: vec![
            ("token".to_owned(), Secret::Value(text(CANARY))),
            ("number".to_owned(), Secret::Value(text("12345678901234567890123"))),
            (
                "db".to_owned(),
                Secret::Keys(vec![("user".to_owned(), text("app")), ("password".to_owned(), text(CANARY))]),
            ),
        ],
    }
}

fn rendered(template: &Value) -> Result<String, String> {
    let result = large(|| render(template, &data(), &mut |_| {})).unwrap();
    result.map(|text| text.expose().to_owned()).map_err(|refusal| refusal.to_string())
}

/// What an expression gives as a whole string, or what is said instead, without its place.
fn given(expression: &str) -> String {
    match rendered(&json!(format!("jq({expression})"))) {
        Ok(text) => text,
        Err(said) => said.split_once("): ").map_or(said.clone(), |(_, why)| format!("! {why}")),
    }
}

#[test]
fn a_whole_string_keeps_its_type_and_a_part_becomes_text() {
    for (template, expected) in [
        (json!("jq(.secrets.db.user)"), r#""app""#),
        (json!("bearer jq(.secrets.db.user)!"), r#""bearer app!""#),
        (json!("jq(.run)"), "7"),
        (json!(" jq(.run)"), r#"" 7""#),
        (json!("jq([.index, .run])jq({a: null})"), r#""[2,7]{\"a\":null}""#),
        (json!("jq(.secrets | keys)"), r#"["db","number","token"]"#),
        (
            json!("jq({pipeline, namespace, step, index, run, env})"),
            r#"{"pipeline":"edges","namespace":"team-a","step":"load","index":2,"run":7,"env":{"LOG_LEVEL":"info"}}"#,
        ),
        (json!({"b": [1, 2.5, true, null, "x"], "a": {}, "c": []}), r#"{"a":{},"b":[1,2.5,true,null,"x"],"c":[]}"#),
        (json!({"jq(.run)": "jq(.run)"}), r#"{"jq(.run)":7}"#),
        (json!(r#"jq("jq(") and )"#), r#""jq( and )""#),
        (json!("myjq(.run)"), r#""myjq(.run)""#),
        (json!(r#"jq("\(.secrets.db.user)@\(.env.LOG_LEVEL)")"#), r#""app@info""#),
        (json!("jq(@base64 \"\\(.secrets.db.user):x\")"), r#""YXBw:x""#),
        (json!("jq(.run # a comment with )\n)"), "7"),
    ] {
        assert_eq!(rendered(&template).as_deref(), Ok(expected), "{template}");
    }
    let canary: Value =
        serde_json::from_str(&rendered(&json!(["jq(.secrets.token)", "x jq(.secrets.token)"])).unwrap()).unwrap();
    assert_eq!(canary, json!([CANARY, format!("x {CANARY}")]));
}

#[test]
fn an_expression_gives_exactly_one_result() {
    for (expression, expected) in [
        ("empty", "! it gives no result, and has to give exactly one"),
        (".secrets[] | select(. == 1)", "! it gives no result, and has to give exactly one"),
        ("1, 2", "! it gives more than one result; for a list write [ ] around it"),
        ("1, error", "! it gives more than one result; for a list write [ ] around it"),
        ("repeat(1)", "! it gives more than one result; for a list write [ ] around it"),
        (".secrets.nobody", "null"),
    ] {
        assert_eq!(given(expression), expected, "{expression}");
    }
}

#[test]
fn an_error_is_told_by_types_and_never_by_values() {
    for (expression, expected) in [
        (".secrets.token.x", "! a string cannot be indexed with a string"),
        (".secrets.token[0]", "! a string cannot be indexed with a number"),
        ("[.secrets.token] | .a", "! an array cannot be indexed with a string"),
        (".secrets.token | .[]", "! a string cannot be used as iterable (array or object)"),
        (".secrets.token + 1", "! a string + a number cannot be calculated"),
        ("1 - .secrets.token", "! a number - a string cannot be calculated"),
        (".secrets.db - [true]", "! an object - an array cannot be calculated"),
        ("null % .secrets", "! null % an object cannot be calculated"),
        ("true / .secrets.token", "! a boolean / a string cannot be calculated"),
        (".secrets.token | tobytes | .[\"a\"]", "! bytes cannot be indexed with a string"),
        (".secrets.token | sort", "! a string cannot be used as array"),
        (".secrets.token | implode", "! a string cannot be used as array"),
        (".secrets | ascii_downcase", "! an object cannot be used as string"),
        (".secrets.token | fromjson", "! what is read as JSON is none"),
        (".secrets.token | tonumber", "! what is read as JSON is none"),
        ("[.secrets.token] | tonumber", "! an array cannot be used as string"),
        (".secrets.token as $t | \"a\" | test($t + \"(\")", "! a regular expression cannot be read"),
        (".secrets.token as $t | \"a\" | test(\"a\"; $t)", "! there is no such flag of a regular expression"),
        ("path(.secrets.token | ascii_downcase)", "! a path is wanted, and this is none, with a string as its input"),
        ("[1] | .[5] = 1", "! an index is outside of its array"),
        ("[.secrets.db] | implode", "! an object cannot be used as integer"),
        ("true | length", "! it fails; how is not shown, since that can have values of Secrets in it"),
        ("error(.secrets.token)", "! it fails; how is not shown, since that can have values of Secrets in it"),
        ("error(.secrets)", "! it fails; how is not shown, since that can have values of Secrets in it"),
        (
            "error(\"no \" + .secrets.token)",
            "! it fails; how is not shown, since that can have values of Secrets in it",
        ),
        ("error(null)", "! it fails; how is not shown, since that can have values of Secrets in it"),
        (".secrets.nobody // error(\"no Secret nobody\")", "! it ends with error(\"no Secret nobody\")"),
        (".secrets.token | @base64d", "! it fails; how is not shown, since that can have values of Secrets in it"),
        (
            ".secrets.token | fromdateiso8601",
            "! it fails; how is not shown, since that can have values of Secrets in it",
        ),
        ("label $f | break $f", "! it gives no result, and has to give exactly one"),
    ] {
        let said = given(expression);
        assert_eq!(said, expected, "{expression}");
        assert!(!said.contains("canary"), "{said}");
    }
}

#[test]
fn what_is_not_jq_is_told_with_its_place() {
    for (template, expected) in [
        ("a jq(.b +)", "template, character 10, jq(.b +): the expression ends where jq expects a term, as in .a"),
        ("jq(.é | ])", "template, character 9: ] closes no bracket that is open here"),
        ("jq(.\"é\" | § )", "template, character 11, jq(.\"é\" | § ): \"§\" stands where jq expects anything else"),
        (
            "jq(if 1 then 2)",
            "template, character 15, jq(if 1 then 2): the expression ends where jq expects else or end",
        ),
        ("jq(1 2)", "template, character 6, jq(1 2): \"2\" stands where jq expects its end"),
        (
            "jq(. as [$x;] | 1)",
            "template, character 12, jq(. as [$x;] | 1): \";\" stands where jq expects comma or right bracket",
        ),
        ("jq(\"\\x\")", "template, character 6, jq(\"\\x\"): \"x\\\"\" stands where jq expects string escape sequence"),
        ("jq(foo(1))", "template, character 4, jq(foo(1)): there is no function \"foo\" with 1 arguments"),
        ("jq(1 + $x)", "template, character 8, jq(1 + $x): there is no variable \"$x\""),
        ("jq(break $x)", "template, character 10, jq(break $x): there is no label \"$x\""),
        ("jq(a::b)", "template, character 4, jq(a::b): there is no module \"a\""),
        (
            "jq(1 | now)",
            "template, character 8, jq(1 | now): \"now\" is not there: a rendered input does not depend on the time",
        ),
        (
            "jq($ENV.HOME)",
            "template, character 4, jq($ENV.HOME): \"$ENV\" is not there: the step's own variables are in .env",
        ),
        (
            "jq(import \"a\" as a; .)",
            "template, character 12, jq(import \"a\" as a; .): there are no modules: import and include find nothing",
        ),
        (
            "jq(import \"a\" as $a; $a)",
            "template, character 12, jq(import \"a\" as $a; $a): there are no modules: import and include find nothing",
        ),
        (
            "jq(include \"a\"; .)",
            "template, character 13, jq(include \"a\"; .): there are no modules: import and include find nothing",
        ),
    ] {
        assert_eq!(rendered(&json!(template)), Err(expected.to_owned()), "{template}");
    }
}

#[test]
fn nothing_reaches_out_of_an_expression() {
    for expression in [
        "env",
        "$ENV",
        "now",
        "localtime",
        "\"1\"|strptime(\"%Q\")",
        "1|strflocaltime(\"%Z\")",
        "input",
        "inputs",
        "input_filename",
        "input_line_number",
        "debug",
        "debug(1)",
        "stderr",
        "halt",
        "halt(1)",
        "halt_error",
        "halt_error(1)",
        "$__prog_args",
        "$__loc__",
        "modulemeta",
        "debug_empty",
        "stderr_empty",
        "get_search_list",
        "$ARGS",
        "ltrimstr",
        "splits",
        "getpath",
        "limit",
        "input_line_number(1)",
    ] {
        let said = given(expression);
        assert!(
            said.starts_with("! ") && (said.contains("not there") || said.contains("there is no")),
            "{expression}: {said}"
        );
    }
}

#[test]
fn what_json_has_no_form_for_is_refused() {
    for (expression, expected) in [
        ("1/0", "infinite or NaN"),
        ("[nan]", "infinite or NaN"),
        ("{(1): 2}", "a key that is no string"),
        ("\"a\" | tobytes", "bytes"),
        ("[255] | tobytes", "bytes"),
        ("[-255] | implode", "bytes"),
        ("reduce range(200) as $i (0; [.])", "more than 100"),
    ] {
        assert!(given(expression).contains(expected), "{expression}: {}", given(expression));
    }
    let too_long = "with its result the input is longer than 1048576 bytes";
    assert_eq!(given("\"x\" * 1100000"), format!("! {too_long}"));
    assert_eq!(
        rendered(&json!("a jq(\"x\" * 1100000)")),
        Err(format!("template, character 6, jq(\"x\" * 1100000): {too_long}"))
    );
    // Together, and as they are escaped.
    let many: Vec<_> = (0..2).map(|_| "jq(\"x\" * 600000)").collect();
    assert_eq!(rendered(&json!(many)), Err(format!("template at /1, character 4, jq(\"x\" * 600000): {too_long}")));
    assert_eq!(given("\"\\u0000\" * 600000"), format!("! {too_long}"));
    assert_eq!(
        rendered(&json!("a jq(\"\\u0000\" * 600000)")),
        Err("what is rendered is longer than 1048576 bytes".to_owned())
    );
    assert_eq!(rendered(&json!("jq(\"x\" * 1048574)")).unwrap().len(), template::MAX_RENDERED);
}

/// The rows of docs/input.md: what jaq gives where jq 1.8 gives something else.
#[test]
fn what_differs_from_jq_is_as_the_page_says() {
    let page = include_str!("../../docs/input.md");
    let (_, section) = page.split_once("\n## What differs from jq\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let mut rows = 0;
    for row in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [expression, _, here] = cells[..] else { panic!("not three cells: {row}") };
        let code = |cell: &str| cell.trim_matches('`').replace("\\|", "|");
        let given = given(&code(expression));
        let expected = code(here);
        match expected.strip_prefix("error: ") {
            Some(error) => assert_eq!(given, format!("! {error}"), "{row}"),
            None => assert_eq!(given, expected, "{row}"),
        }
        rows += 1;
    }
    assert!(rows > 20, "{rows}");
}

/// Fragments of jq, put together at random.
fn program() -> impl Strategy<Value = String> {
    let word = proptest::sample::select(vec![
        ".",
        ".secrets",
        ".token",
        ".db",
        "[]",
        "[",
        "]",
        "{",
        "}",
        "(",
        ")",
        "|",
        ",",
        "+",
        "-",
        "*",
        "/",
        "%",
        "//",
        "==",
        "and",
        "or",
        "not",
        "if",
        "then",
        "else",
        "end",
        "as $x",
        "$x",
        "reduce",
        "foreach",
        "try",
        "catch",
        "error",
        "def f:",
        ";",
        "f",
        "\"",
        "\\(",
        "1",
        "1e300",
        "9007199254740993",
        "map(",
        "select(",
        "test(\"a",
        "keys",
        "length",
        "tojson",
        "fromjson",
        "first(",
        "limit(3;",
        "path(",
        "|=",
        "=",
        "?",
        "..",
        "@base64",
        "@sh",
        "#",
        "\n",
        " ",
        ":",
        "\"a\"",
        "ltrimstr(",
        "implode",
        "tobytes",
        "splits(",
        "label $l |",
        "break $l",
        "getpath(",
        "import",
        "é",
    ]);
    proptest::collection::vec(word, 0..12).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 64 } else { 4096 }))]

    /// Whatever the expression: an answer, in which no value is unless it was rendered.
    #[test]
    fn no_expression_makes_the_renderer_panic_or_tell(program in program()) {
        let text = format!("a jq({program})");
        // What runs for ever is for the tests of the process.
        prop_assume!(!program.contains("def") && !program.contains("..") && !program.contains("limit"));
        let result = large(|| render(&json!(text), &data(), &mut |_| {}));
        prop_assert!(result.is_ok(), "panicked: {}", text);
        if let Ok(Err(refusal)) = result {
            let said = refusal.to_string();
            prop_assert!(!said.contains("canary"), "{}", said);
        }
    }

    /// Where the scanner sees the end of an expression, there is jaq's, too.
    #[test]
    fn the_scanner_and_jaq_see_the_same_brackets(program in program()) {
        use jaq_core::load::lex::{Lexer, Tok};
        let block = format!("({program})");
        let ours = scan::pieces(&format!("jq{block}")).ok().map(|pieces| pieces == [scan::Piece::Expression(scan::Expression { text: &program, at: 4 })]);
        if let Ok(tokens) = Lexer::new(&block).lex() {
            let is_one = matches!(&tokens[..], [token] if token.0 == block && matches!(token.1, Tok::Block(_)));
            if !program.trim().is_empty() {
                prop_assert_eq!(ours == Some(true), is_one, "{}", block);
            }
        }
    }
}
