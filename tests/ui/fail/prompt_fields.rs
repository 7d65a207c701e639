use flow_engine::prelude::*;

#[data]
#[serde(rename_all = "camelCase")]
struct Article {
    sections: Vec<Section>,
    words: u32,
    main_author: Author,
    kind: Kind,
}

#[data]
enum Kind {
    News,
    Essay,
}

#[data]
struct Section {
    title: String,
    author: Author,
}

#[data]
struct Author {
    name: String,
}

#[step(prompt = "fields.md")]
async fn shorten(article: Article) -> String;

fn main() {}
