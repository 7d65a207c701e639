use flow_engine::Attachment;
use flow_engine::llm::Message;
use flow_engine::prelude::*;

#[data]
struct Article {
    photo: Attachment,
}

#[step(prompt = "slots.md")]
async fn answer(history: Vec<Message>, photos: Vec<Attachment>, article: Article) -> String;

fn main() {}
