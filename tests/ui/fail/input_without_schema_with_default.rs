use flow_engine::prelude::*;

#[derive(Default)]
struct Style;

#[flow]
async fn shorten(content: String, #[input(default)] style: Style) -> String {
    let _ = style;
    content
}

fn main() {}
