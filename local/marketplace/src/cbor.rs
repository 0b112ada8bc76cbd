//! rpc-v2-cbor bodies to the JSON form in which the operations work, and back.
//!
//! Smithy RPC v2 CBOR protocol specification: structures are maps with text keys, a timestamp is tag 1 over a
//! double. Bytes, big numbers and other tags occur in no shape of the agreements API and are refused.

use aws_smithy_cbor::data::Type;
use aws_smithy_cbor::{Decoder, Encoder};
use aws_smithy_types::DateTime;
use serde_json::{Map, Value};

/// No request of the API is nested deeper than filters in a list.
const DEPTH_MAX: usize = 16;

/// The members of shape `Timestamp`, by name: they mean a time wherever they occur in the model.
const TIMES: [&str; 4] = ["acceptanceTime", "startTime", "endTime", "lastUpdateTime"];

/// The body as a JSON value; none if it is not one CBOR item of the kinds in use.
pub(crate) fn read(bytes: &[u8]) -> Option<Value> {
    let mut decoder = Decoder::new(bytes);
    let value = item(&mut decoder, 0)?;
    (decoder.position() == bytes.len()).then_some(value)
}

fn item(decoder: &mut Decoder<'_>, depth: usize) -> Option<Value> {
    if depth > DEPTH_MAX {
        return None;
    }
    match decoder.datatype().ok()? {
        Type::Bool => decoder.boolean().ok().map(Value::Bool),
        Type::Null | Type::Undefined => {
            decoder.skip().ok()?;
            Some(Value::Null)
        }
        Type::U8 | Type::U16 | Type::U32 | Type::U64 | Type::I8 | Type::I16 | Type::I32 | Type::I64 => {
            decoder.long().ok().map(Value::from)
        }
        Type::F16 | Type::F32 | Type::F64 => decoder.double().ok().map(Value::from),
        Type::String | Type::StringIndef => decoder.string().ok().map(Value::String),
        Type::Tag => decoder.timestamp().ok().map(|at| Value::from(at.as_secs_f64())),
        Type::Array | Type::ArrayIndef => {
            let count = decoder.list().ok()?;
            let mut list = Vec::new();
            while more(decoder, count, list.len())? {
                list.push(item(decoder, depth + 1)?);
            }
            Some(Value::Array(list))
        }
        Type::Map | Type::MapIndef => {
            let count = decoder.map().ok()?;
            let mut map = Map::new();
            let mut read = 0;
            while more(decoder, count, read)? {
                let key = decoder.string().ok()?;
                // Two members of one name are two requests in one.
                if map.insert(key, item(decoder, depth + 1)?).is_some() {
                    return None;
                }
                read += 1;
            }
            Some(Value::Object(map))
        }
        _ => None,
    }
}

/// Whether a list or map goes on; takes the break of one without a stated length.
fn more(decoder: &mut Decoder<'_>, count: Option<u64>, read: usize) -> Option<bool> {
    match count {
        Some(count) => Some(u64::try_from(read).ok()? < count),
        None if decoder.datatype().ok()? == Type::Break => {
            decoder.skip().ok()?;
            Some(false)
        }
        None => Some(true),
    }
}

/// A value as CBOR.
pub(crate) fn write(value: &Value) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    put(&mut encoder, "", value);
    encoder.into_writer()
}

fn put(encoder: &mut Encoder, name: &str, value: &Value) {
    match value {
        Value::Null => {
            encoder.null();
        }
        Value::Bool(value) => {
            encoder.boolean(*value);
        }
        Value::Number(number) if TIMES.contains(&name) => {
            encoder.timestamp(&DateTime::from_secs_f64(number.as_f64().unwrap_or_default()));
        }
        Value::Number(number) => {
            match number.as_i64() {
                Some(whole) => encoder.long(whole),
                None => encoder.double(number.as_f64().unwrap_or_default()),
            };
        }
        Value::String(text) => {
            encoder.str(text);
        }
        Value::Array(list) => {
            encoder.array(list.len());
            list.iter().for_each(|value| put(encoder, name, value));
        }
        Value::Object(map) => {
            encoder.map(map.len());
            for (name, value) in map {
                encoder.str(name);
                put(encoder, name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_written_is_read_again_and_times_carry_their_tag() {
        let value =
            json!({"filters": [{"name": "Status", "values": ["ACTIVE"]}], "maxResults": 5, "startTime": 1.5});
        let bytes = write(&value);
        assert_eq!(read(&bytes), Some(value));
        assert!(bytes.contains(&0xc1), "tag 1");
    }

    #[test]
    fn lengths_may_be_left_open_as_the_sdk_leaves_them() {
        let bytes = b"\xbf\x67filters\x9f\xbf\x64name\x66Status\xff\xff\xff";
        assert_eq!(read(bytes), Some(json!({"filters": [{"name": "Status"}]})));
    }

    #[test]
    fn what_is_cut_too_deep_or_said_twice_is_refused() {
        assert_eq!(read(b"\xbf\x67filters"), None);
        assert_eq!(read(&[0x81; 64]), None, "64 lists in each other");
        assert_eq!(read(b"\xa2\x61a\x01\x61a\x02"), None, "`a` twice");
        assert_eq!(read(b"\xa0\xa0"), None, "two items");
        assert_eq!(read(b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff"), None, "a list that claims 2^64 items");
    }
}
