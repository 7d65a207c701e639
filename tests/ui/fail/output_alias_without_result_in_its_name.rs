use flow_engine::prelude::*;

type Outcome = Result<String>;

#[flow]
async fn shorten(content: String) -> Outcome {
    Ok(content)
}

fn main() {}
