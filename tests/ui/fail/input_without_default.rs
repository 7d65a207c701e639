use flow_engine::prelude::*;

#[data]
struct Style {
    name: String,
}

#[flow]
async fn shorten(content: String, #[input(default)] style: Style) -> String {
    format!("{content} {}", style.name)
}

fn main() {}
