//! What a script answers, as the types that are expected.

use marionette::store::StoreError;
use redis::Value;

use crate::error::strange;

pub(crate) fn list(value: Value) -> Result<Vec<Value>, StoreError> {
    match value {
        Value::Array(values) => Ok(values),
        _ => Err(strange("a list")),
    }
}

pub(crate) fn bytes(value: Value) -> Result<Vec<u8>, StoreError> {
    match value {
        Value::BulkString(bytes) => Ok(bytes),
        Value::SimpleString(text) => Ok(text.into_bytes()),
        Value::Int(number) => Ok(number.to_string().into_bytes()),
        _ => Err(strange("bytes")),
    }
}

/// Pairs, as the third version of the protocol gives them, or as a flat list.
pub(crate) fn pairs(value: Value) -> Result<Vec<(Value, Value)>, StoreError> {
    let values = match value {
        Value::Map(pairs) => return Ok(pairs),
        value => list(value)?,
    };
    let mut values = values.into_iter();
    let mut all = Vec::with_capacity(values.len() / 2);
    while let Some(first) = values.next() {
        let second = values.next().ok_or_else(|| strange("pairs"))?;
        all.push((first, second));
    }
    Ok(all)
}

/// Bytes, or nothing.
pub(crate) fn optional(value: Value) -> Result<Option<Vec<u8>>, StoreError> {
    match value {
        Value::Nil | Value::Boolean(false) => Ok(None),
        value => bytes(value).map(Some),
    }
}

pub(crate) fn text(value: Value) -> Result<String, StoreError> {
    String::from_utf8(bytes(value)?).map_err(|_| strange("a text"))
}

/// A number; nothing and an empty text are none.
pub(crate) fn int(value: Value) -> Result<Option<i64>, StoreError> {
    match value {
        Value::Int(number) => Ok(Some(number)),
        Value::Nil => Ok(None),
        value => match text(value)?.as_str() {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| strange("a number")),
        },
    }
}

/// A field and its value.
pub(crate) type BytePair = (Vec<u8>, Vec<u8>);

/// As [`pairs`], both as bytes.
pub(crate) fn byte_pairs(value: Value) -> Result<Vec<BytePair>, StoreError> {
    let both = |(one, other)| Ok((bytes(one)?, bytes(other)?));
    pairs(value)?.into_iter().map(both).collect()
}
