//! Measures what flow-engine costs: `cargo run --release -p flow-engine-bench -- compile`.

mod compile;

use std::process::ExitCode;

const USAGE: &str = "\
usage: flow-engine-bench compile [--rounds N] [--items N] [--own-outputs] [--json FILE] [--keep FOLDER]

compile    how long 50 steps compile, beside 50 structs with serde's and schemars' derives
           --rounds N      measures everything N times; medians are shown (default 5)
           --items N       so many steps and structs (default 50)
           --own-outputs   each step has an output type of its own, and there is a struct more for each
           --json FILE     writes what was measured, one JSON object a line
           --keep FOLDER   writes the crates there and leaves them, to look into";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let done = match arguments.next().as_deref() {
        Some("compile") => {
            compile::Options::parse(arguments).and_then(|options| compile::run(&options))
        }
        Some(other) => Err(anyhow::anyhow!("there is no benchmark `{other}`\n{USAGE}")),
        None => Err(anyhow::anyhow!(USAGE)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
