//! The edges of `map`.

use flow_engine::prelude::*;
use flow_engine::{Error, ErrorKind, RunStatus, map};

use crate::lab::{Lab, ask, questions};

#[flow]
async fn edges(items: Vec<String>, limit: usize) -> Result<Vec<String>> {
    Ok(map(items, limit, ask).await?)
}

#[tokio::test]
async fn a_limit_of_zero_is_one_at_a_time_and_no_items_give_no_outputs() {
    let lab = Lab::new().await;
    let done = lab.execute(edges(questions(3), 0)).await.unwrap();
    assert_eq!(done.output_content, ["q0 #1", "q1 #2", "q2 #3"]);
    assert!(
        lab.execute(edges(vec![], 0))
            .await
            .unwrap()
            .output_content
            .is_empty()
    );
}

#[tokio::test]
async fn all_branches_end_and_the_first_error_in_item_order_is_returned() {
    let lab = Lab::new().await;
    for limit in [1, 2, 100] {
        // The later one fails first.
        lab.model.fail(&["q2", "q4"]);
        lab.model.hold(if limit == 100 { &["q2"] } else { &[] });
        let sent = lab.model.asked().len();
        let later = async {
            lab.model.until(|asked| asked.len() == sent + 6).await;
            lab.model.hold(&[]);
        };
        let (end, ()) = tokio::join!(lab.execute(edges(questions(6), limit)), later);
        let error = end.unwrap_err();
        assert!(
            format!("{error:#}").contains("no answer to q2"),
            "{error:#}"
        );
        assert_eq!(lab.recorded(error.run_id().unwrap()).await.len(), 4);
    }
}

/// Items that are no JSON objects, and one that is no JSON at all.
#[flow]
async fn odd_items(last: String) -> Result<usize> {
    let branch = |number: f64| ask(format!("{number}"));
    let numbers = map([0.5, f64::NAN, f64::INFINITY, -0.0, 0.0], 2, branch).await?;
    let units = map([(), ()], 2, |()| ask("unit".to_owned())).await?;
    let keys = std::collections::BTreeMap::from([((1, 2), "no JSON: a key that is no text")]);
    let maps = map([keys.clone(), keys], 2, |keys| {
        ask(format!("{}", keys.len()))
    })
    .await?;
    let options = map([None, Some(Some("x"))], 2, |text| ask(format!("{text:?}"))).await?;
    ask(last).await?;
    Ok(numbers.len() + units.len() + maps.len() + options.len())
}

#[tokio::test]
async fn items_of_any_kind_find_their_answers() {
    let lab = Lab::new().await;
    lab.model.hold(&["last"]);
    let id = lab
        .interrupted_at(odd_items("last".to_owned()), 11, &["last"])
        .await;
    lab.model.hold(&[]);
    let done = lab.resume(id).await.unwrap();
    assert_eq!(done.output_content, 11);
    assert_eq!(lab.model.asked_since(12), ["last"]);
}

#[flow]
async fn panics(items: Vec<String>, at: String) -> Result<usize> {
    let branch = |item: String| {
        assert!(item != at, "this branch cannot be made");
        ask(item)
    };
    Ok(map(items, 2, branch).await?.len())
}

#[tokio::test]
async fn a_closure_that_panics_fails_the_run_which_keeps_what_it_has() {
    let lab = Lab::new().await;
    let call = panics(questions(6), "q4".to_owned());
    let error = lab.execute(call).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panicked);
    assert!(format!("{error:#}").contains("this branch cannot be made"));
    let id = error.run_id().unwrap();
    assert_eq!(lab.run_row(id).await.status, RunStatus::Failed);
    lab.assert_nothing_is_open().await;
    let recorded = lab.recorded(id).await.len();
    assert!(recorded > 0);
    let sent = lab.model.asked().len();
    let call = panics(questions(6), "none".to_owned());
    lab.resume_with(id, call).await.unwrap();
    assert_eq!(lab.model.asked().len() - sent, 6 - recorded);
    lab.assert_completed(id).await;
}

#[flow]
async fn branch_panics(items: Vec<String>) -> Result<usize> {
    let branch = |item: String| async move {
        let answer = ask(item.clone()).await?;
        assert!(item != "q2", "after {answer}");
        Ok::<_, Error>(answer)
    };
    Ok(map(items, 10, branch).await?.len())
}

#[tokio::test]
async fn a_branch_that_panics_fails_the_run_and_leaves_nothing_open() {
    let lab = Lab::new().await;
    let error = lab.execute(branch_panics(questions(6))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panicked);
    lab.assert_nothing_is_open().await;
}
