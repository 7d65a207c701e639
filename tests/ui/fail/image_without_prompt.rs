use flow_engine::Image;
use flow_engine::prelude::*;

#[step(kind = "image")]
async fn thumbnail(subject: String) -> Image;

fn main() {}
