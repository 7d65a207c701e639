//! Runs the flow of the library of this name on the database of the first argument.

use std::env;
use std::error::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let url = env::args().nth(1).ok_or("the database is missing")?;
    println!("{}", extern_crate::run(&url).await?);
    Ok(())
}
