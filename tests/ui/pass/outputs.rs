//! The forms of an output.

use flow_engine::prelude::*;

type MyResult<T, E = std::fmt::Error> = std::result::Result<T, E>;

/// Derives of the user's own are left alone.
#[data]
#[derive(PartialEq, Default, Clone)]
#[serde(rename_all = "camelCase")]
struct Summary {
    /// The title.
    short_title: String,
    #[serde(default)]
    kind: Kind,
}

#[data]
#[derive(PartialEq, Default)]
#[serde(tag = "type")]
enum Kind {
    #[default]
    News,
    Essay {
        pages: u32,
    },
}

#[step]
async fn summarize(content: String, #[input(default = "busy")] style: String) -> Summary;

#[step]
async fn plain(count: u32) -> u32 {
    count
}

#[step]
async fn unit(count: u32) {
    assert!(count > 0);
}

#[step]
async fn unit_that_may_fail() -> Result<()> {
    Ok(())
}

#[step]
async fn own_alias(count: u32) -> MyResult<u32> {
    Ok(count)
}

#[step]
async fn alias_of_io() -> std::io::Result<Summary> {
    Ok(Summary::default())
}

#[step]
async fn own_error() -> Result<u32, String> {
    Err("no".to_owned())
}

#[flow]
async fn every_output() -> Result<u32> {
    unit(1).await?;
    unit_that_may_fail().await?;
    let summary: Summary = alias_of_io().await?;
    let again: Summary = summarize(summary.short_title).await?;
    let counts: [u32; 3] = [plain(1).await?, own_alias(2).await?, own_error().await?];
    Ok(counts.iter().sum::<u32>() + u32::from(again.kind == Kind::News))
}

#[test]
fn the_output_is_what_the_result_holds() {
    fn output<C: Call>(_: &C) -> &'static str {
        std::any::type_name::<C::Output>()
    }
    assert_eq!(output(&plain(1)), "u32");
    assert_eq!(output(&unit(1)), "()");
    assert_eq!(output(&unit_that_may_fail()), "()");
    assert_eq!(output(&own_alias(1)), "u32");
    assert_eq!(output(&own_error()), "u32");
    assert_eq!(output(&every_output()), "u32");
    assert_eq!(output(&alias_of_io()), std::any::type_name::<Summary>());
}

#[test]
fn data_keeps_the_attributes_of_serde() {
    let schema = Summarize::output_schema();
    assert_eq!(
        schema["properties"]["shortTitle"]["description"],
        "The title."
    );
    assert_eq!(Kind::Essay { pages: 1 }, Kind::Essay { pages: 1 });
}

/// Names that the generated code has, too.
mod shape {
    use flow_engine::prelude::*;

    #[data]
    pub(super) struct Circle {
        pub(super) radius: u32,
    }
}

#[data]
struct D {
    circle: shape::Circle,
}

#[step(prompt = "circle.md")]
async fn describe_circle(circle: shape::Circle, d: D) -> String;
