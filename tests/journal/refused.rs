//! Which runs are not resumed: an error says why, and nothing changes.

use diesel::{Connection, RunQueryDsl, SqliteConnection, sql_query};
use flow_engine::{ErrorKind, RunFilter};
use uuid::Uuid;

use crate::endings::asks_many;
use crate::lab::{Lab, ask, questions};

/// Everything that the database holds, as text.
async fn contents(lab: &Lab) -> String {
    let all = RunFilter {
        limit: 10_000,
        ..RunFilter::default()
    };
    let mut text = String::new();
    for run in lab.runs(all).await.unwrap() {
        let (steps, requests) = (lab.steps_of(run.id).await, lab.requests_of(run.id).await);
        text.extend([
            format!("{run:?}"),
            format!("{steps:?}"),
            format!("{requests:?}"),
        ]);
    }
    text
}

async fn is_refused(lab: &Lab, id: Uuid, why: &str) {
    let before = contents(lab).await;
    let resumed = lab.resume(id).await.unwrap_err();
    let with = lab
        .resume_with(id, asks_many(questions(2)))
        .await
        .unwrap_err();
    for error in [resumed, with] {
        assert_eq!(error.kind(), ErrorKind::NotResumable, "{error:#}");
        let text = error.to_string();
        assert!(text.contains(why), "{text}");
    }
    assert_eq!(contents(lab).await, before, "nothing changes");
}

#[tokio::test]
async fn a_run_that_completed_a_part_of_it_and_an_unknown_one_are_refused() {
    let lab = Lab::new().await;
    let done = lab.execute(asks_many(questions(2))).await.unwrap();
    is_refused(&lab, done.run_id, "it has completed").await;
    let part = lab.tree(done.run_id).await[1].id;
    is_refused(
        &lab,
        part,
        &format!("{} cannot be resumed: it has completed", done.run_id),
    )
    .await;
    is_refused(&lab, Uuid::now_v7(), "there is no such run").await;
}

#[tokio::test]
async fn a_run_of_a_flow_that_is_not_in_the_program_is_refused() {
    let lab = Lab::new().await;
    lab.model.hold(&["q1"]);
    let id = lab
        .interrupted_at(asks_many(questions(2)), 3, &["q1"])
        .await;
    let mut database = SqliteConnection::establish(lab.path().to_str().unwrap()).unwrap();
    lab.find_run(id).await.unwrap();
    sql_query("UPDATE flow_runs SET flow_name = 'gone' WHERE parent_run_id IS NULL")
        .execute(&mut database)
        .unwrap();
    is_refused(&lab, id, "this program has no flow or step `gone`").await;
}

#[tokio::test]
async fn a_run_that_is_being_executed_is_refused_and_goes_on() {
    let lab = Lab::new().await;
    lab.model.hold(&["q0", "q1"]);
    let request = lab.run(asks_many(questions(2)));
    let id = request.id();
    let meanwhile = async {
        lab.model.was_asked(&["q0", "q1"]).await;
        lab.has_recorded(id, 2).await;
        is_refused(&lab, id, "it is being executed").await;
        assert!(lab.resume_interrupted().await.unwrap().is_empty());
        lab.model.hold(&[]);
    };
    let (done, ()) = tokio::join!(request.execute(), meanwhile);
    done.unwrap();
    assert_eq!(lab.model.asked().len(), 2);
}

#[tokio::test]
async fn a_resumed_run_is_refused_while_it_goes_on() {
    let lab = Lab::new().await;
    lab.model.hold(&["q1"]);
    let id = lab
        .interrupted_at(asks_many(questions(2)), 3, &["q1"])
        .await;
    let meanwhile = async {
        lab.model.until(|asked| asked.len() == 3).await;
        is_refused(&lab, id, "it is being executed").await;
        lab.model.hold(&[]);
    };
    let (done, ()) = tokio::join!(lab.resume(id), meanwhile);
    done.unwrap();
    is_refused(&lab, id, "it has completed").await;
}

#[tokio::test]
async fn resuming_with_a_call_of_another_flow_is_refused_and_with_other_inputs_is_typed() {
    let lab = Lab::new().await;
    lab.model.hold(&["q1"]);
    let id = lab
        .interrupted_at(asks_many(questions(2)), 3, &["q1"])
        .await;
    let before = contents(&lab).await;
    let error = lab.resume_with(id, ask("q1".to_owned())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotResumable);
    assert!(
        error
            .to_string()
            .contains("it is of `asks_many`, not of `ask`"),
        "{error}"
    );
    assert_eq!(contents(&lab).await, before);
    lab.model.hold(&[]);
    let done = lab.resume_with(id, asks_many(questions(3))).await.unwrap();
    let outputs: Vec<String> = done.output_content;
    assert_eq!(outputs.len(), 3);
    assert_eq!(lab.model.asked_since(2), ["q1", "q2"]);
    let row = lab.run_row(id).await;
    assert_eq!(row.inputs["items"].as_array().unwrap().len(), 3);
    lab.assert_completed(id).await;
}
