use flow_engine::prelude::*;

#[step(
    prompt = "summarize.md",
    model = 5,
    temperature = 3.5,
    top_p = "all",
    max_output_tokens = 0,
    seed = 1.5,
    stop = [],
    reasoning_effort = "hihg"
)]
async fn shorten(content: String) -> String;

fn main() {}
