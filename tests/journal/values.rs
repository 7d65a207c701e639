//! Times, ids and chance are on a replay what they were.

use flow_engine::prelude::*;
use flow_engine::{map, now, random, uuid};

use crate::lab::{Lab, ask, questions};

#[flow]
async fn drawn(label: String) -> Result<String> {
    let (at, id, number) = (now().await?, uuid().await?, random().await?);
    Ok(format!("{label} {at:?} {id} {number}"))
}

#[flow]
async fn draws_values(items: Vec<String>, label: String) -> Result<Vec<String>> {
    let mut all = vec![drawn(label).await?];
    let branch = |item: String| async move {
        Ok::<_, flow_engine::Error>(format!("{item} {}", random().await?))
    };
    all.extend(map(items, 3, branch).await?);
    let (one, two) = tokio::try_join!(random(), random())?;
    all.push(format!("{one} {two}"));
    all.push(ask(all.join(", ")).await?);
    ask("last".to_owned()).await?;
    Ok(all)
}

#[tokio::test]
async fn times_ids_and_chance_are_what_they_were() {
    let lab = Lab::new().await;
    lab.model.hold(&["last"]);
    let call = draws_values(questions(4), "same".to_owned());
    let id = lab.interrupted_at(call, 1, &["last"]).await;
    let question = lab.model.asked().remove(0);
    lab.model.hold(&[]);
    let lab = lab.restarted().await;
    let done = lab.resume(id).await.unwrap();
    assert_eq!(lab.model.asked_since(2), ["last"]);
    let outputs: Vec<String> = serde_json::from_value(done.output_content).unwrap();
    assert_eq!(outputs[..6].join(", "), question);
    // They are no steps of the flow's: a sub-flow and two questions are.
    assert_eq!(lab.run_row(id).await.step_progress, 3);
}

#[tokio::test]
async fn a_map_keeps_its_chance_when_its_items_move_and_what_is_around_it_changes() {
    let lab = Lab::new().await;
    lab.model.hold(&["last"]);
    let call = draws_values(questions(4), "old".to_owned());
    let id = lab.interrupted_at(call, 1, &["last"]).await;
    let before = lab.model.asked().remove(0);
    lab.model.hold(&[]);
    let mut items = questions(4);
    items.reverse();
    items.insert(0, "head".to_owned());
    let done = lab
        .resume_with(id, draws_values(items, "new".to_owned()))
        .await
        .unwrap();
    let before: Vec<&str> = before.split(", ").collect();
    let after = done.output_content;
    for item in &before[1..5] {
        assert!(
            after.iter().any(|after| after == item),
            "{item} is not in {after:?}"
        );
    }
    assert_eq!(before[0].strip_prefix("old"), after[0].strip_prefix("new"));
    assert_eq!(before[5], after[6], "joined draws have one order");
}

#[flow]
async fn draws_two_at_once(question: String) -> Result<String> {
    ask(question).await?;
    let (one, two) = tokio::try_join!(random(), random())?;
    ask("last".to_owned()).await?;
    Ok(format!("{one} {two}"))
}

/// `try_join!` polls its branches in turns.
#[tokio::test]
async fn draws_at_the_same_time_keep_their_order_when_what_is_before_them_changes() {
    let lab = Lab::new().await;
    lab.model.hold(&["last"]);
    let id = lab
        .interrupted_at(draws_two_at_once("old".to_owned()), 1, &["last"])
        .await;
    let mut draws = lab.steps(id).await;
    draws.retain(|step| step.kind == "engine");
    let outputs: Vec<String> = draws
        .iter()
        .map(|draw| draw.outputs.clone().unwrap().to_string())
        .collect();
    lab.model.hold(&[]);
    let call = draws_two_at_once("new".to_owned());
    let done = lab.resume_with(id, call).await.unwrap();
    assert_eq!(done.output_content, outputs.join(" "));
}
