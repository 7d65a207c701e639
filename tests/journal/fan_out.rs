//! Many branches at a time, edited between a crash and the resume: only what is new runs.

use std::collections::HashMap;

use flow_engine::prelude::*;
use flow_engine::{Error, RunStatus, map};
use uuid::Uuid;

use crate::lab::{Lab, ask, note, noted, questions, refine};

/// A flow whose inputs are its shape: what is asked before the fan-out, and over what it goes.
#[flow]
async fn fans_out(before: Vec<String>, items: Vec<String>, limit: usize) -> Result<Vec<String>> {
    for question in before {
        ask(question).await?;
    }
    Ok(map(items, limit, ask).await?)
}

/// A lab with a run of 102 branches of which q7 and q99 are not recorded, interrupted or failed.
async fn with_100_of_102(is_failed: bool) -> (Lab, Uuid, HashMap<String, String>) {
    let lab = Lab::new().await;
    let call = fans_out(vec![], questions(102), 102);
    let id = if is_failed {
        lab.model.fail(&["q7", "q99"]);
        let error = lab.execute(call).await.unwrap_err();
        lab.model.fail(&[]);
        error.run_id().unwrap()
    } else {
        lab.model.hold(&["q7", "q99"]);
        let id = lab.interrupted_at(call, 100, &["q7", "q99"]).await;
        lab.model.hold(&[]);
        id
    };
    assert_eq!(lab.model.asked().len(), 102);
    let answers = lab.recorded(id).await.into_iter().map(|row| {
        let question = row.inputs["question"].as_str().unwrap().to_owned();
        (question, row.outputs.unwrap().as_str().unwrap().to_owned())
    });
    let answers: HashMap<String, String> = answers.collect();
    assert_eq!(answers.len(), 100);
    (lab.restarted().await, id, answers)
}

/// Resumes with another shape, and checks what was asked and that each item has its own answer.
async fn resumed_as(is_failed: bool, before: &[&str], items: Vec<String>, new: &[&str]) {
    let (lab, id, answers) = with_100_of_102(is_failed).await;
    let before: Vec<String> = before.iter().map(ToString::to_string).collect();
    let done = lab
        .resume_with(id, fans_out(before, items.clone(), 10))
        .await
        .unwrap();
    assert_eq!(lab.model.asked_since(102), new);
    for (item, answer) in items.iter().zip(&done.output_content) {
        match answers.get(item) {
            Some(recorded) => assert_eq!(answer, recorded),
            None => assert!(answer.starts_with(&format!("{item} #")), "{answer}"),
        }
    }
    assert_eq!(done.output_content.len(), items.len());
    lab.assert_completed(id).await;
}

#[tokio::test]
async fn a_step_inserted_before_a_fan_out_runs_and_of_the_fan_out_only_what_is_missing() {
    for is_failed in [false, true] {
        let new = ["first", "q7", "q99", "second"];
        resumed_as(is_failed, &["first", "second"], questions(102), &new).await;
    }
}

#[tokio::test]
async fn items_in_another_order_keep_their_answers() {
    for is_failed in [false, true] {
        let mut items = questions(102);
        items.reverse();
        items.swap(3, 50);
        resumed_as(is_failed, &[], items, &["q7", "q99"]).await;
    }
}

#[tokio::test]
async fn an_item_added_at_the_head_shifts_nothing() {
    for is_failed in [false, true] {
        let mut items = questions(102);
        items.insert(0, "head".to_owned());
        resumed_as(is_failed, &[], items, &["head", "q7", "q99"]).await;
    }
}

#[tokio::test]
async fn all_edits_at_once_run_only_what_is_new() {
    let mut items = questions(102);
    items.retain(|item| item != "q7" && item != "q20");
    items.reverse();
    items.insert(0, "head".to_owned());
    resumed_as(false, &["before"], items, &["before", "head", "q99"]).await;
}

#[tokio::test]
async fn of_equal_items_each_keeps_one_answer_and_only_those_too_many_are_asked() {
    let lab = Lab::new().await;
    lab.model.hold(&["last"]);
    let of = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
    let items = of(&["a", "b", "a", "a", "b", "last"]);
    let id = lab
        .interrupted_at(fans_out(vec![], items, 2), 5, &["last"])
        .await;
    lab.model.hold(&[]);
    let items = of(&["b", "b", "b", "last", "a", "a", "a", "a"]);
    let done = lab
        .resume_with(id, fans_out(vec![], items, 3))
        .await
        .unwrap();
    assert_eq!(lab.model.asked_since(6), ["a", "b", "last"]);
    let mut answers = done.output_content;
    answers.sort();
    answers.dedup();
    assert_eq!(answers.len(), 8, "no answer is used twice: {answers:?}");
}

#[tokio::test]
async fn a_slow_branch_keeps_no_other_from_starting() {
    let lab = Lab::new().await;
    lab.model.hold(&["q0"]);
    let call = fans_out(vec![], questions(20), 3);
    lab.interrupted_at(call, 19, &["q0", "q19"]).await;
}

/// Branches of three steps: ask, refine the answer, note what came of it.
#[flow]
async fn pipelines(items: Vec<String>, limit: usize) -> Result<Vec<String>> {
    let branch = |item: String| async move {
        let answer = ask(item).await?;
        let better = refine(answer).await?;
        note(better).await
    };
    Ok(map(items, limit, branch).await?)
}

#[tokio::test]
async fn branches_of_several_steps_in_random_order_run_only_what_is_missing() {
    for seed in 0..12 {
        let lab = Lab::new().await;
        let (items, stop) = (questions(20), 3 + seed * 3);
        lab.model.shuffle(seed as u64);
        lab.model.hold_after(Some(stop));
        let when = lab.model.is_holding();
        let id = lab.interrupted(pipelines(items.clone(), 7), when).await;
        let (sent, rows) = (lab.model.asked().len(), lab.recorded(id).await);
        let of = |step: &str| -> HashMap<String, String> {
            let rows = rows.iter().filter(|row| row.step_name == step);
            let text = |json: &serde_json::Value| json.as_str().unwrap().to_owned();
            rows.map(|row| {
                let input = &row.inputs.as_object().unwrap().values().next().unwrap();
                (text(input), text(row.outputs.as_ref().unwrap()))
            })
            .collect()
        };
        let (asks, refines, notes) = (of("ask"), of("refine"), of("note"));
        let noted_before = noted(id).len();

        let lab = lab.restarted().await;
        lab.model.hold_after(None);
        // In another order, with one more at the head and one fewer at a time.
        let mut edited = items.clone();
        edited.reverse();
        edited.insert(0, "head".to_owned());
        let done = lab
            .resume_with(id, pipelines(edited.clone(), 6))
            .await
            .unwrap();

        let new = lab.model.asked_since(sent);
        let (new_refines, new_asks): (Vec<_>, Vec<_>) =
            new.into_iter().partition(|asked| asked.starts_with('['));
        let mut missing: Vec<String> = edited
            .iter()
            .filter(|item| !asks.contains_key(*item))
            .cloned()
            .collect();
        missing.sort();
        assert_eq!(new_asks, missing, "seed {seed}");
        assert_eq!(new_refines.len(), 21 - refines.len(), "seed {seed}");
        for answer in asks
            .values()
            .filter(|answer| !refines.contains_key(*answer))
        {
            assert!(
                new_refines.contains(&format!("[{answer}]")),
                "seed {seed}: {answer} goes on"
            );
        }
        assert_eq!(
            noted(id).len() - noted_before,
            21 - notes.len(),
            "seed {seed}"
        );
        assert_eq!(lab.recorded(id).await.len(), 63, "seed {seed}");
        for (item, output) in edited.iter().zip(&done.output_content) {
            assert!(
                output.starts_with(&format!("noted [{item} #")),
                "{item}: {output}"
            );
        }
        lab.assert_completed(id).await;
    }
}

/// Branches told apart by their place: the item is an index.
#[flow]
async fn by_index(texts: Vec<String>) -> Result<usize> {
    let branch = |index: usize| ask(texts[index].clone());
    Ok(map(0..texts.len(), 4, branch).await?.len())
}

#[tokio::test]
async fn a_text_added_at_the_head_of_a_map_over_indices_shifts_nothing() {
    let lab = Lab::new().await;
    lab.model.hold(&["q4"]);
    let id = lab.interrupted_at(by_index(questions(5)), 4, &["q4"]).await;
    lab.model.hold(&[]);
    let mut texts = questions(5);
    texts.insert(0, "head".to_owned());
    lab.resume_with(id, by_index(texts)).await.unwrap();
    assert_eq!(lab.model.asked_since(5), ["head", "q4"]);
}

/// One map over the items, or a second one at the same time, written before it.
#[flow]
async fn two_maps(items: Vec<String>, is_second_there: bool) -> Result<usize> {
    let notes = async {
        let items = if is_second_there {
            items.clone()
        } else {
            vec![]
        };
        map(items, 10, |item| refine(format!("also {item}"))).await
    };
    let (notes, answers) = tokio::try_join!(notes, map(items.clone(), 10, ask))?;
    Ok(notes.len() + answers.len())
}

#[tokio::test]
async fn a_second_map_over_the_same_items_takes_nothing_from_the_first() {
    let lab = Lab::new().await;
    lab.model.hold(&["q3"]);
    let id = lab
        .interrupted_at(two_maps(questions(4), false), 3, &["q3"])
        .await;
    lab.model.hold(&[]);
    lab.resume_with(id, two_maps(questions(4), true))
        .await
        .unwrap();
    let new = lab.model.asked_since(4);
    assert_eq!(
        new,
        ["[also q0]", "[also q1]", "[also q2]", "[also q3]", "q3"]
    );
}

/// Maps inside of a map.
#[flow]
async fn nested_maps(outer: Vec<String>, inner: Vec<String>) -> Result<usize> {
    let row = |left: String| {
        let inner = inner.clone();
        async move {
            let cell = |right: String| {
                let left = left.clone();
                async move { refine(ask(format!("{left}{right}")).await?).await }
            };
            Ok::<_, Error>(map(inner, 3, cell).await?.len())
        }
    };
    Ok(map(outer, 2, row).await?.into_iter().sum())
}

#[tokio::test]
async fn nested_maps_run_only_the_cells_that_are_missing() {
    let lab = Lab::new().await;
    let letters = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
    lab.model.hold(&["by"]);
    let id = lab
        .interrupted_at(nested_maps(letters("abc"), letters("xyz")), 16, &["by"])
        .await;
    lab.model.hold(&[]);
    let done = lab
        .resume_with(id, nested_maps(letters("dcba"), letters("wzyx")))
        .await
        .unwrap();
    assert_eq!(done.output_content, 16);
    let new = lab.model.asked_since(17);
    let asks: Vec<_> = new.iter().filter(|asked| !asked.starts_with('[')).collect();
    assert_eq!(asks, ["aw", "bw", "by", "cw", "dw", "dx", "dy", "dz"]);
    assert_eq!(new.len(), 16, "and each new answer is refined: {new:?}");
    assert_eq!(lab.run_row(id).await.status, RunStatus::Completed);
}
