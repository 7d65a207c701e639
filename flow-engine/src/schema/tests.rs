use std::collections::*;
use schemars::JsonSchema;
use serde::{Serialize,Deserialize};
macro_rules! t { ($($i:item)*) => { $( #[derive(JsonSchema, Serialize, Deserialize)] #[allow(dead_code)] $i )* } }
t!{
 struct Circle { r: f64 }
 #[serde(tag="type")] enum Internal { /// doc
   A(Circle), B{x:u32}, C }
 #[serde(tag="t", content="c")] enum Adjacent { A(Circle), B{x:u32}, C, T(u8,u8) }
 #[serde(untagged)] enum Untagged { A(Circle), B(String), C{y:i8}, N }
 enum External { A(Circle), B{x:u32}, C, D }
 enum Docs { /// a
  A, /// b
  B, C }
 enum Plain { A, B }
 struct FlatStruct { id: String, #[serde(flatten)] c: Circle, z: u8 }
 struct FlatOpt { id: String, #[serde(flatten)] c: Option<Circle> }
 struct FlatEnum { id: String, #[serde(flatten)] c: Internal }
 struct FlatTwo { id: String, #[serde(flatten)] c: Internal, #[serde(flatten)] d: External }
 struct FlatMap { id: String, #[serde(flatten)] c: HashMap<String,u8> }
 #[serde(deny_unknown_fields)] struct Deny { id: String, o: Option<Circle>, p: Option<Plain>, /** doc of c */ c: Circle }
 struct New(Circle);
 struct NewS(String);
 struct Unit;
 struct Tree { v: u8, kids: Vec<Tree>, b: Option<Box<Tree>> }
 enum Rec { Leaf(u8), Node(Vec<Rec>) }
 struct Misc { c: char, nz: std::num::NonZeroI32, nu: std::num::NonZeroU8, d: std::time::Duration, ip: std::net::IpAddr, a: [u8;3], s: BTreeSet<String>, unit: (), m: BTreeMap<u8,u8>, v: serde_json::Value, t: (u8,String), r: Result<u8,String>, rg: std::ops::Range<u8>,
   #[serde(default)] def: Vec<u8>, #[serde(skip_deserializing)] ro: u8, #[deprecated] dep: u8, #[schemars(range(min=1,max=9))] rr: u8, #[schemars(length(min=1,max=9), regex(pattern="^a"))] ss: String, #[schemars(length(min=2))] vv: Vec<Circle>, #[schemars(range(min=2))] nn: Option<NewS>, #[serde(rename="type")] ty: String, opt_v: Option<Vec<u8>>, path: std::path::PathBuf }
}
#[test] fn dump() {
 macro_rules! d { ($($t:ty),*) => { $( println!("{} {}\n", stringify!($t), schemars::generate::SchemaGenerator::default().into_root_schema_for::<$t>().to_value()); )* } }
 d!(Internal, Adjacent, Untagged, External, Docs, Plain, FlatStruct, FlatOpt, FlatEnum, FlatTwo, FlatMap, Deny, New, NewS, Unit, Tree, Rec, Misc, Vec<Tree>, Option<Tree>, String);
}
