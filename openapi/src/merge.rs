//! Puts two documents together; where both speak, the first one is right.

use serde_json::Value;

/// Adds to `base` what only `more` has, at every depth. Lists are joined.
pub(crate) fn deep(base: &mut Value, more: Value) {
    match (base, more) {
        (Value::Object(base), Value::Object(more)) => {
            for (key, value) in more {
                match base.get_mut(&key) {
                    Some(there) => deep(there, value),
                    None => {
                        base.insert(key, value);
                    }
                }
            }
        }
        (Value::Array(base), Value::Array(more)) => {
            for value in more {
                if !base.contains(&value) {
                    base.push(value);
                }
            }
        }
        _ => {}
    }
}
