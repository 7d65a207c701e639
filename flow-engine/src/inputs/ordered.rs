//! Writes a value as JSON whose maps have sorted keys.
//!
//! A `HashMap` iterates in another order in each process. A prompt that prints one must be the same text after a
//! crash, or the model is asked, and paid, again.

use serde::ser::{self, Error as _, Serialize, Serializer};
use serde_json::{Map, Value, value};

/// Like [`serde_json::to_value`], but the entries of each map are sorted by key: whole numbers by size, then other
/// keys by text. So a `BTreeMap` of numbers keeps its order.
///
/// Structs keep the order of their fields. JSON objects and structs with `#[serde(flatten)]` are maps to serde, and
/// sorted.
///
/// # Errors
/// Those of [`serde_json::to_value`].
pub(super) fn to_value<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<Value> {
    Ordered(value).serialize(value::Serializer)
}

/// Around a value, a serializer, or a serializer's list or struct: each hands the order down to what is inside.
struct Ordered<I>(I);

impl<T: Serialize + ?Sized> Serialize for Ordered<&T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(Ordered(serializer))
    }
}

macro_rules! scalars {
    ($($method:ident($($arg:ident: $type:ty),*))*) => {$(
        fn $method(self, $($arg: $type),*) -> Result<S::Ok, S::Error> {
            self.0.$method($($arg),*)
        }
    )*};
}

macro_rules! wrappers {
    ($($method:ident($($arg:ident: $type:ty),*))*) => {$(
        fn $method<T: Serialize + ?Sized>(self, $($arg: $type,)* value: &T) -> Result<S::Ok, S::Error> {
            self.0.$method($($arg,)* &Ordered(value))
        }
    )*};
}

macro_rules! compounds {
    ($($compound:ident = $method:ident($($arg:ident: $type:ty),*))*) => {$(
        type $compound = Ordered<S::$compound>;
        fn $method(self, $($arg: $type),*) -> Result<Self::$compound, S::Error> {
            self.0.$method($($arg),*).map(Ordered)
        }
    )*};
}

/// JSON has no other numbers: all of them would be written as the same null, and be one input.
fn finite<E: serde::ser::Error>(number: f64) -> Result<(), E> {
    if number.is_finite() {
        return Ok(());
    }
    Err(E::custom(format!("{number} is not a number that JSON has")))
}

impl<S: Serializer> Serializer for Ordered<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeMap = Entries<S::SerializeMap>;

    scalars! {
        serialize_bool(v: bool) serialize_char(v: char) serialize_str(v: &str) serialize_bytes(v: &[u8])
        serialize_i8(v: i8) serialize_i16(v: i16) serialize_i32(v: i32) serialize_i64(v: i64) serialize_i128(v: i128)
        serialize_u8(v: u8) serialize_u16(v: u16) serialize_u32(v: u32) serialize_u64(v: u64) serialize_u128(v: u128)
        serialize_none() serialize_unit()
        serialize_unit_struct(name: &'static str)
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str)
    }

    fn serialize_f32(self, v: f32) -> Result<S::Ok, S::Error> {
        finite(v.into())?;
        self.0.serialize_f32(v)
    }

    fn serialize_f64(self, v: f64) -> Result<S::Ok, S::Error> {
        finite(v)?;
        self.0.serialize_f64(v)
    }

    wrappers! {
        serialize_some()
        serialize_newtype_struct(name: &'static str)
        serialize_newtype_variant(name: &'static str, index: u32, variant: &'static str)
    }

    compounds! {
        SerializeSeq = serialize_seq(len: Option<usize>)
        SerializeTuple = serialize_tuple(len: usize)
        SerializeTupleStruct = serialize_tuple_struct(name: &'static str, len: usize)
        SerializeTupleVariant =
            serialize_tuple_variant(name: &'static str, index: u32, variant: &'static str, len: usize)
        SerializeStruct = serialize_struct(name: &'static str, len: usize)
        SerializeStructVariant =
            serialize_struct_variant(name: &'static str, index: u32, variant: &'static str, len: usize)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        Ok(Entries(self.0.serialize_map(len)?, None, Map::new()))
    }
}

macro_rules! parts {
    ($($compound:ident: $method:ident($($name:ident)?))*) => {$(
        impl<S: ser::$compound> ser::$compound for Ordered<S> {
            type Ok = S::Ok;
            type Error = S::Error;

            fn $method<T: Serialize + ?Sized>(&mut self, $($name: &'static str,)? value: &T) -> Result<(), S::Error> {
                self.0.$method($($name,)? &Ordered(value))
            }

            fn end(self) -> Result<S::Ok, S::Error> {
                self.0.end()
            }
        }
    )*};
}

parts! {
    SerializeSeq: serialize_element()
    SerializeTuple: serialize_element()
    SerializeTupleStruct: serialize_field()
    SerializeTupleVariant: serialize_field()
    SerializeStruct: serialize_field(name)
    SerializeStructVariant: serialize_field(name)
}

/// The map to write at the end, the key whose value comes next, and the entries so far.
struct Entries<M>(M, Option<String>, Map<String, Value>);

impl<M: ser::SerializeMap> ser::SerializeMap for Entries<M> {
    type Ok = M::Ok;
    type Error = M::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), M::Error> {
        // serde_json writes keys as text only in a map.
        let alone = value::Serializer.collect_map([(key, ())]);
        if let Value::Object(alone) = alone.map_err(M::Error::custom)? {
            self.1 = alone.into_iter().next().map(|(key, _)| key);
        }
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), M::Error> {
        let key = self.1.take();
        let key = key.ok_or_else(|| M::Error::custom("a map has a value without a key"))?;
        let value = to_value(value).map_err(M::Error::custom)?;
        self.2.insert(key, value);
        Ok(())
    }

    fn end(mut self) -> Result<M::Ok, M::Error> {
        let mut entries: Vec<_> = self.2.into_iter().collect();
        // A number is `Ok`, which comes before `Err`.
        entries.sort_by_cached_key(|(key, _)| (key.parse::<i128>().map_err(drop), key.clone()));
        for (key, value) in &entries {
            self.0.serialize_entry(key, value)?;
        }
        self.0.end()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::marker::PhantomData;

    use serde::Serialize;
    use serde_json::{Number, Value, json};

    use super::to_value;

    #[derive(Serialize)]
    enum Form<T> {
        Unit,
        Newtype(T),
        Tuple(T, T),
        Struct { z: T, a: T },
    }

    #[derive(Serialize)]
    struct Newtype<T>(T);

    #[derive(Serialize)]
    struct Pair<T>(Option<T>, T);

    #[derive(Serialize)]
    struct Fields<T> {
        z: T,
        a: T,
    }

    #[derive(Serialize)]
    struct Flattened<T> {
        m: Value,
        #[serde(flatten)]
        rest: T,
    }

    struct Entry<T>(T);

    impl<T: Serialize> Serialize for Entry<T> {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map([(&self.0, "value")])
        }
    }

    fn text(json: serde_json::Result<Value>) -> String {
        json.map_or_else(|error| error.to_string(), |json| json.to_string())
    }

    /// Alone, as a key, and below a map: the JSON or the error is that of `serde_json`.
    macro_rules! assert_same {
        ($($value:expr),*) => {$(
            assert_eq!(text(to_value(&$value)), text(serde_json::to_value(&$value)));
            assert_eq!(text(to_value(&Entry($value))), text(serde_json::to_value(&Entry($value))));
            let below = HashMap::from([("key", Pair(Some($value), $value))]);
            assert_eq!(text(to_value(&below)), text(serde_json::to_value(&below)));
        )*};
    }

    #[test]
    fn values_keys_and_errors_are_those_of_serde_json() {
        assert_same!(true, 'ß', "text", c"bytes", (), Some(1), [0; 0], (1, "a"));
        assert_same!(i8::MIN, i16::MIN, i32::MIN, i64::MIN, i128::MIN, -1_i128);
        assert_same!(u8::MAX, u16::MAX, u32::MAX, u64::MAX, u128::MAX, 1_u128);
        assert_same!(0.1_f32, f32::MAX, -0.0, 1e300);
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(to_value(&[number]).is_err(), "they would all be null");
        }
        assert_same!(Form::<u8>::Unit, Form::Newtype(1), Form::Tuple(1, 2));
        assert_same!(Form::Struct { z: 1, a: 2 }, Fields { z: 1, a: 2 });
        assert_same!(Newtype("key"), Pair(None, 1), PhantomData::<u8>, None::<u8>);
        assert_same!(json!({"z": [1.5]}), "1.50".parse::<Number>().unwrap());
    }

    #[test]
    fn maps_are_sorted_and_structs_keep_the_order_of_their_fields() {
        let z = &HashMap::from([("b", 1), ("a", 2), ("-7", 3), ("10", 4), ("9", 5)]);
        let map = r#"{"-7":3,"9":5,"10":4,"a":2,"b":1}"#;
        let fields = Fields { z, a: z };
        let forms = vec![Form::Struct { z, a: z }, Form::Tuple(z, z)];
        let nested = HashMap::from([(2, forms), (1, vec![Form::Newtype(z)])]);
        let (m, rest) = (json!(z), &fields);
        let all = (Pair(None, rest), Flattened { m, rest }, nested);
        let fields = format!(r#"{{"z":{map},"a":{map}}}"#);
        let flattened = format!(r#"{{"a":{map},"m":{map},"z":{map}}}"#);
        let forms = format!(r#"{{"Struct":{fields}}},{{"Tuple":[{map},{map}]}}"#);
        let nested = format!(r#"{{"1":[{{"Newtype":{map}}}],"2":[{forms}]}}"#);
        let expected = format!("[[null,{fields}],{flattened},{nested}]");
        assert_eq!(text(to_value(&all)), expected);
        assert_eq!(to_value(&all).ok(), serde_json::to_value(&all).ok());
    }

    #[test]
    fn hash_maps_of_the_same_entries_are_the_same_text() {
        let entries = (0..50).map(|n| (format!("key {n}"), n));
        let one: HashMap<_, _> = entries.clone().collect();
        let other: HashMap<_, _> = entries.rev().collect();
        assert_ne!(json!(one).to_string(), json!(other).to_string());
        assert_eq!(text(to_value(&one)), text(to_value(&other)));
    }
}
