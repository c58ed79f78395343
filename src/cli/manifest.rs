//! Manifests: YAML or JSON text in, objects out, with the meaning that kubectl gives them.
//!
//! kubectl reads YAML 1.1 (`go.yaml.in/yaml/v2`, through `sigs.k8s.io/yaml`): `0440` is octal, and 288 in JSON. A
//! whole number written as `1.0` or `1e3` is 1 or 1000 in the JSON that kubectl sends.

use serde_json::{Number, Value};

/// Every document of a file; empty ones are left out. An error names the line and shows nothing of it, which may hold a
/// Secret's value.
///
/// # Errors
/// Where the text is no YAML.
pub fn read(text: &str) -> Result<Vec<Value>, serde_saphyr::Error> {
    let options = serde_saphyr::options! { legacy_octal_numbers: true, with_snippet: false };
    let mut documents: Vec<Value> = serde_saphyr::from_multiple_with_options(text, options)?;
    documents.retain(|document| !document.is_null());
    documents.iter_mut().for_each(whole_numbers);
    Ok(documents)
}

fn whole_numbers(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            if let Some(whole) = whole(number) {
                *number = whole;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(whole_numbers),
        Value::Object(fields) => fields.values_mut().for_each(whole_numbers),
        _ => {}
    }
}

/// The integer that a float is, where it is one and not above 2^53, up to which floats hold every integer.
fn whole(number: &Number) -> Option<Number> {
    let float = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0)?;
    format!("{float:.0}").parse::<i64>().ok().map(Number::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_mode_means_the_same_in_yaml_1_1_and_in_json() {
        let read = |text| read(text).unwrap();
        assert_eq!(read("mode: 0440"), vec![json!({"mode": 288})]);
        assert_eq!(read("mode: 0o440"), vec![json!({"mode": 288})]);
        assert_eq!(read("mode: 288"), vec![json!({"mode": 288})]);
        assert_eq!(read(r#"{"mode": 288}"#), vec![json!({"mode": 288})]);
        assert_eq!(read("mode: 0"), vec![json!({"mode": 0})]);
        assert_eq!(read("user: \"0440\""), vec![json!({"user": "0440"})]);
    }

    #[test]
    fn whole_floats_are_integers() {
        assert_eq!(read("[1.0, 1e3, 0.5, 08]").unwrap(), vec![json!([1, 1000, 0.5, 8])]);
    }

    #[test]
    fn an_error_shows_nothing_of_the_file() {
        for text in
            ["a: canary-7c1f: b", "a: [canary-7c1f", "a: &canary-7c1f b\nc: *canary-7c1f-2", "a: !!int canary-7c1f"]
        {
            if let Err(error) = read(text) {
                assert!(!error.to_string().contains("canary-7c1f"), "{error}");
            }
        }
        assert!(read("a: [canary-7c1f").unwrap_err().to_string().contains("line 1"));
    }

    #[test]
    fn documents_are_separated_and_empty_ones_left_out() {
        assert_eq!(read("---\na: 1\n---\n---\nb: yes\n").unwrap(), vec![json!({"a": 1}), json!({"b": true})]);
    }
}
