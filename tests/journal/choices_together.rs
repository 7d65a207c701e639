//! Choices beside and inside of each other, and where there is no run.

use std::time::Duration;

use flow_engine::prelude::*;
use flow_engine::{Error, ErrorKind, race, timeout};
use futures::FutureExt;
use futures::future::{join_all, pending};

use crate::lab::{Lab, ask};

const SOON: Duration = Duration::from_millis(20);
const NEVER: Duration = Duration::from_hours(1);

/// Races between branches that make no call before they wait.
#[flow]
async fn races_of_waits() -> Result<Vec<usize>> {
    let wait = |millis: u64| tokio::time::sleep(Duration::from_millis(millis)).boxed();
    let mut ends = vec![race([wait(5), wait(3_600_000)]).await?.0];
    ends.push(race([wait(3_600_000), wait(5)]).await?.0);
    let (one, two) = tokio::try_join!(
        race([wait(60), wait(3_600_000)]),
        race([wait(3_600_000), wait(5)])
    )?;
    ends.extend([one.0, two.0]);
    ask("last".to_owned()).await?;
    Ok(ends)
}

#[tokio::test]
async fn races_of_branches_without_a_call_end_as_they_did() {
    let lab = Lab::new().await;
    lab.model.hold(&["last"]);
    let id = lab.interrupted_at(races_of_waits(), 0, &["last"]).await;
    lab.model.hold(&[]);
    let resumed = tokio::time::timeout(Duration::from_secs(5), lab.resume(id)).await;
    let done = resumed
        .expect("it waits for a branch that was not first")
        .unwrap();
    assert_eq!(done.output_content, flow_engine::json!([0, 1, 0, 1]));
}

/// Limits and races at the same time, all alike for who does not wait; the last of them are decided first.
#[flow]
async fn decides_in_parallel(kept: Vec<bool>) -> Result<Vec<bool>> {
    let count = kept.len() as u64;
    let limit = Duration::from_millis(100 * count);
    let wait = |place: usize, is_short: bool| {
        let short = Duration::from_millis(40 * (count - place as u64));
        tokio::time::sleep(if is_short { short } else { NEVER }).boxed()
    };
    let in_time = |(place, is_kept): (usize, bool)| async move {
        timeout(limit, wait(place, is_kept)).await.is_ok()
    };
    let first = |(place, is_first): (usize, bool)| async move {
        let raced = race([wait(place, is_first), wait(place, !is_first)]).await;
        raced.is_ok_and(|(first, ())| first == 0)
    };
    let each = || kept.iter().copied().enumerate();
    let mut ends = join_all(each().map(in_time)).await;
    ends.extend(join_all(each().map(first)).await);
    ask("last".to_owned()).await?;
    Ok(ends)
}

#[tokio::test]
async fn choices_at_the_same_time_are_made_again_as_each_of_them_was() {
    for kept in [
        vec![false, true],
        vec![false, true, false, true],
        vec![true, true, false],
        vec![false, false, true, true, false],
    ] {
        let lab = Lab::new().await;
        lab.model.hold(&["last"]);
        let call = decides_in_parallel(kept.clone());
        let id = lab.interrupted_at(call, 0, &["last"]).await;
        lab.model.hold(&[]);
        let resumed = tokio::time::timeout(Duration::from_secs(5), lab.resume(id)).await;
        let done = resumed.expect("it waits for what never comes").unwrap();
        let ends = [kept.clone(), kept].concat();
        assert_eq!(done.output_content, flow_engine::json!(ends));
    }
}

/// A race inside of a limit inside of a race.
#[flow]
async fn nested_choices() -> Result<String> {
    let inner = async {
        let raced = timeout(NEVER, race([ask("a".to_owned()), ask("b".to_owned())])).await??;
        raced.1
    };
    let outer = async {
        timeout(SOON, ask("late".to_owned()))
            .await?
            .map(|_| String::new())
    };
    let both = async {
        outer.await.unwrap_err();
        pending().await
    };
    let (first, output) = race([inner.boxed(), both.boxed()]).await?;
    let output: String = output?;
    ask("last".to_owned()).await?;
    Ok(format!("{first}: {output}"))
}

#[tokio::test]
async fn nested_choices_end_as_they_did() {
    let lab = Lab::new().await;
    lab.model.hold(&["a", "late", "last"]);
    let id = lab.interrupted_at(nested_choices(), 1, &["last"]).await;
    let sent = lab.model.asked().len();
    lab.model.hold(&["b"]);
    let done = lab.resume(id).await.unwrap();
    assert_eq!(lab.model.asked().split_off(sent), ["last"]);
    assert!(done.output_content.as_str().unwrap().starts_with("0: b #"));
    lab.assert_completed(id).await;
}

#[tokio::test]
async fn a_run_interrupted_inside_of_nested_choices_goes_on() {
    let lab = Lab::new().await;
    lab.model.hold(&["a", "b", "late"]);
    let id = lab
        .interrupted_at(nested_choices(), 0, &["a", "b", "late"])
        .await;
    lab.model.hold(&["b", "late"]);
    let done = lab.resume(id).await.unwrap();
    assert!(done.output_content.as_str().unwrap().starts_with("0: a #"));
    lab.assert_completed(id).await;
}

#[flow]
async fn races_nothing() -> Result<usize> {
    let nothing: [flow_engine::BoxFuture<'_, ()>; 0] = [];
    Ok(race(nothing).await?.0)
}

#[tokio::test]
async fn a_race_of_nothing_is_an_error() {
    let lab = Lab::new().await;
    let error = lab.execute(races_nothing()).await.unwrap_err();
    assert!(
        format!("{error:#}").contains("given no future"),
        "{error:#}"
    );
}

#[tokio::test]
async fn outside_of_a_run_all_of_them_are_errors_that_say_so() {
    let errors: [(&str, Error); 6] = [
        ("race", race([async {}]).await.map(drop).unwrap_err()),
        ("timeout", timeout(SOON, async {}).await.unwrap_err()),
        ("now", flow_engine::now().await.unwrap_err()),
        ("uuid", flow_engine::uuid().await.unwrap_err()),
        ("random", flow_engine::random().await.unwrap_err()),
        (
            "map",
            flow_engine::map([1], 1, |_| async { Ok::<_, Error>(()) })
                .await
                .unwrap_err(),
        ),
    ];
    for (name, error) in errors {
        assert_eq!(error.kind(), ErrorKind::OutsideRun, "{name}");
        let text = error.to_string();
        assert!(
            text.contains(&format!("`{name}`")) && text.contains("outside of a run"),
            "{text}"
        );
        assert!(
            !text.contains(&format!("engine.execute({name}(")),
            "no call to execute: {text}"
        );
        assert!(
            text.contains("choices_together.rs"),
            "it says where: {text}"
        );
    }
}
