use flow_engine::prelude::*;

struct Editor;

impl Editor {
    #[flow]
    async fn shorten(&self, content: String) -> String {
        content
    }
}

fn main() {}
