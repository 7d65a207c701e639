use std::borrow::Cow;

use flow_engine::prelude::*;

#[flow]
async fn shorten(content: Cow<'_, str>) -> String {
    content.into_owned()
}

fn main() {}
