//! Argo CD's Lua, as `util/lua/lua.go` of argo-cd sets it up for a customization in `argocd-cm`: Lua 5.1 with the base,
//! package and table libraries, an `os` that has `time` and `date` only, and the object as the global `obj`.

use mlua::{Lua, LuaOptions, StdLib, Table, Value as LuaValue};
use serde_json::{Map, Value};

/// Runs a script on an object and returns what it returns.
pub(crate) fn run(script: &str, object: &Value) -> mlua::Result<Value> {
    let lua = Lua::new_with(StdLib::TABLE | StdLib::PACKAGE | StdLib::OS, LuaOptions::default())?;
    let globals = lua.globals();
    let os: Table = globals.get("os")?;
    let safe = lua.create_table()?;
    for name in ["time", "date"] {
        safe.set(name, os.get::<LuaValue>(name)?)?;
    }
    globals.get::<Table>("package")?.get::<Table>("loaded")?.set("os", safe.clone())?;
    globals.set("os", safe)?;
    globals.set("obj", to_lua(&lua, object)?)?;
    let mut returned = from_lua(lua.load(script).eval()?)?;
    restore(&mut returned, object);
    Ok(returned)
}

fn to_lua(lua: &Lua, value: &Value) -> mlua::Result<LuaValue> {
    Ok(match value {
        Value::Null => LuaValue::Nil,
        Value::Bool(is) => LuaValue::Boolean(*is),
        Value::Number(number) => LuaValue::Number(number.as_f64().unwrap()),
        Value::String(text) => LuaValue::String(lua.create_string(text)?),
        Value::Array(items) => {
            let table = lua.create_table()?;
            for item in items {
                table.push(to_lua(lua, item)?)?;
            }
            LuaValue::Table(table)
        }
        Value::Object(fields) => {
            let table = lua.create_table()?;
            for (name, field) in fields {
                table.set(name.as_str(), to_lua(lua, field)?)?;
            }
            LuaValue::Table(table)
        }
    })
}

/// An empty table is a list, as it is for Argo CD.
fn from_lua(value: LuaValue) -> mlua::Result<Value> {
    Ok(match value {
        LuaValue::Boolean(is) => Value::Bool(is),
        LuaValue::Integer(number) => Value::from(number),
        #[allow(clippy::cast_possible_truncation)] // Every number of a Pipeline is whole.
        LuaValue::Number(number) => Value::from(number as i64),
        LuaValue::String(text) => Value::String(text.to_string_lossy()),
        LuaValue::Table(table) if table.pairs::<LuaValue, LuaValue>().count() == table.raw_len() => {
            let items = table.sequence_values::<LuaValue>().map(|item| from_lua(item?));
            Value::Array(items.collect::<mlua::Result<_>>()?)
        }
        LuaValue::Table(table) => {
            let fields = table.pairs::<String, LuaValue>().map(|pair| {
                let (name, field) = pair?;
                Ok((name, from_lua(field)?))
            });
            Value::Object(fields.collect::<mlua::Result<Map<_, _>>>()?)
        }
        _ => Value::Null,
    })
}

/// What was an empty object before is one again, as Argo CD's `cleanReturnedObj` does it.
fn restore(new: &mut Value, old: &Value) {
    match (new, old) {
        (new @ Value::Array(_), Value::Object(_)) if new.as_array().is_some_and(Vec::is_empty) => *new = old.clone(),
        (Value::Object(new), Value::Object(old)) => {
            for (name, field) in new {
                restore(field, old.get(name).unwrap_or(&Value::Null));
            }
        }
        (Value::Array(new), Value::Array(old)) => {
            for (field, old) in new.iter_mut().zip(old) {
                restore(field, old);
            }
        }
        _ => {}
    }
}
