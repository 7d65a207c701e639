//! Code that moves between scopes keeps its results.

use flow_engine::prelude::*;
use flow_engine::{Error, map};
use futures::future::try_join_all;

use crate::lab::{Lab, ask, questions, refine};

async fn both(item: String) -> Result<String, Error> {
    refine(ask(item).await?).await
}

#[flow]
async fn moved_one(item: String) -> Result<String> {
    Ok(both(item).await?)
}

#[flow]
async fn moved_all(items: Vec<String>, shape: String) -> Result<Vec<String>> {
    Ok(shaped(items, shape).await?)
}

/// The same work in several shapes.
async fn shaped(items: Vec<String>, shape: String) -> Result<Vec<String>, Error> {
    match shape.as_str() {
        "loop" => {
            let mut all = Vec::new();
            for item in items {
                all.push(both(item).await?);
            }
            Ok(all)
        }
        "map" => map(items, 3, both).await,
        "one at a time" => map(items, 1, both).await,
        "join" => try_join_all(items.into_iter().map(both)).await,
        "sub-flows" => {
            try_join_all(items.into_iter().map(|item| moved_one(item).into_future())).await
        }
        "map of sub-flows" => map(items, 3, moved_one).await,
        "map of maps" => {
            let rows: Vec<Vec<String>> = items.chunks(2).map(<[String]>::to_vec).collect();
            Ok(map(rows, 2, |row| map(row, 2, both)).await?.concat())
        }
        "spawned" => {
            let tasks: Vec<_> = items
                .into_iter()
                .map(|item| flow_engine::spawn(both(item)))
                .collect();
            let mut all = Vec::new();
            for task in tasks {
                all.push(task.await.unwrap()?);
            }
            Ok(all)
        }
        inner => {
            let inner = inner.strip_prefix("one sub-flow with a ").unwrap();
            moved_all(items, inner.to_owned()).await
        }
    }
}

#[flow]
async fn moves(items: Vec<String>, shape: String) -> Result<Vec<String>> {
    Ok(shaped(items, shape).await?)
}

const SHAPES: [&str; 10] = [
    "loop",
    "map",
    "one at a time",
    "join",
    "sub-flows",
    "map of sub-flows",
    "map of maps",
    "spawned",
    "one sub-flow with a loop",
    "one sub-flow with a map",
];

#[tokio::test]
async fn code_that_moves_from_any_scope_to_any_other_keeps_its_results() {
    for from in SHAPES {
        for to in SHAPES {
            let lab = Lab::new().await;
            lab.model.hold(&["q4"]);
            let call = moves(questions(5), from.to_owned());
            let id = lab.interrupted_at(call, 8, &["q4"]).await;
            lab.model.hold(&[]);
            let sent = lab.model.asked().len();
            let call = moves(questions(5), to.to_owned());
            let done = lab.resume_with(id, call).await.unwrap();
            let new = lab.model.asked().split_off(sent);
            assert_eq!(new.len(), 2, "from {from} to {to}: {new:?}");
            assert!(new[0] == "q4" && new[1].starts_with("[q4 #"), "{new:?}");
            assert_eq!(lab.recorded(id).await.len(), 10);
            for (item, output) in questions(5).iter().zip(done.output_content) {
                assert!(output.starts_with(&format!("[{item} #")), "{output}");
            }
            lab.assert_completed(id).await;
        }
    }
}

/// A question that is asked inside of a sub-flow, or beside it while it runs.
#[flow]
async fn asks_and_refines(item: String, is_asking: bool) -> Result<String> {
    if is_asking {
        ask(item.clone()).await?;
    }
    Ok(refine(item).await?)
}

#[flow]
async fn moves_out(item: String, is_inside: bool) -> Result<String> {
    let beside = async {
        if !is_inside {
            ask(item.clone()).await?;
        }
        Ok::<_, Error>(())
    };
    let (output, ()) = tokio::try_join!(asks_and_refines(item.clone(), is_inside), beside)?;
    Ok(output)
}

#[tokio::test]
async fn a_call_that_moves_out_of_a_sub_flow_to_run_beside_it_keeps_its_result() {
    let lab = Lab::new().await;
    lab.model.hold(&["[q]"]);
    let id = lab
        .interrupted_at(moves_out("q".to_owned(), true), 1, &["[q]"])
        .await;
    lab.model.hold(&[]);
    lab.resume_with(id, moves_out("q".to_owned(), false))
        .await
        .unwrap();
    assert_eq!(lab.model.asked_since(2), ["[q]"]);
}
