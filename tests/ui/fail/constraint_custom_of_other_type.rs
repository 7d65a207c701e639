use flow_engine::prelude::*;

fn not_blank(text: &str) -> Result<(), String> {
    if text.trim().is_empty() { Err("blank".to_owned()) } else { Ok(()) }
}

#[data]
struct Rating {
    #[check(custom = not_blank)]
    stars: u8,
}

fn main() {}
