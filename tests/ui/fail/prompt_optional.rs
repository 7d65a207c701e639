use flow_engine::prelude::*;

#[data]
struct Article {
    subtitle: Option<String>,
    author: Option<Author>,
}

#[data]
struct Author {
    name: String,
}

#[step(prompt = "optional.md")]
async fn shorten(article: Article, note: Option<String>) -> String;

fn main() {}
