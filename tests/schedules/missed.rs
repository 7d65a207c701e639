//! Ticks at which no worker was there.

use flow_engine::prelude::*;
use flow_engine::{DateTime, RunStatus, Utc};

use crate::flows::tick;
use crate::{Kind, Lab, ticks, utc};

#[flow(schedule = "0 0 1 1 *")]
async fn yearly() -> Result<Option<DateTime<Utc>>> {
    Ok(tick())
}

#[flow(schedule = "0 0 1 1 *", missed = "skip")]
async fn yearly_or_not() -> Result<Option<DateTime<Utc>>> {
    Ok(tick())
}

#[flow(schedule = "30 6 1 1 *", timezone = "Asia/Kolkata", missed = "all")]
async fn yearly_at_all() -> Result<Option<DateTime<Utc>>> {
    Ok(tick())
}

const YEARLY: [&str; 3] = ["yearly", "yearly_or_not", "yearly_at_all"];

pub(crate) async fn a_schedule_that_was_never_seen_begins_now(kind: Kind) {
    let lab = Lab::new(kind).await;
    let before = chrono::Utc::now();
    let runs = lab.while_working(lab.completed("each_second", 2)).await;
    let begun = lab.store.schedules(vec!["each_second".to_owned()]).await;
    let begun_at = begun.unwrap().schedules[0].begun_at;
    // The clock of a server on this machine is another reading of the same.
    assert!((begun_at - before).num_seconds().abs() < 60);
    assert!(runs[0].start_at.unwrap() > begun_at);
    assert!((runs[0].start_at.unwrap() - begun_at).num_milliseconds() <= 1000);
    for flow in YEARLY {
        assert!(lab.runs_of(flow).await.is_empty(), "{flow}");
    }
}

pub(crate) async fn of_missed_ticks_the_flow_says_which_are_started(kind: Kind) {
    let lab = Lab::new(kind).await;
    for flow in YEARLY {
        let since = utc("2021-06-01T00:00:00Z");
        lab.store.begin_schedule(flow, since).await.unwrap();
    }
    let this_year = chrono::Utc::now().format("%Y").to_string();
    let this_year: i32 = this_year.parse().unwrap();
    let years: Vec<_> = (2022..=this_year)
        .map(|year| utc(&format!("{year}-01-01T00:00:00Z")))
        .collect();
    // Half past six in Kolkata.
    let all: Vec<_> = years
        .iter()
        .map(|year| *year + chrono::TimeDelta::hours(1))
        .collect();

    lab.while_working(async {
        lab.completed("yearly_at_all", all.len()).await;
        lab.completed("yearly", 1).await;
        // What comes later is dealt with after what was missed.
        lab.completed("each_second", 2).await;
    })
    .await;

    assert_eq!(ticks(&lab.runs_of("yearly_at_all").await), all);
    assert_eq!(
        ticks(&lab.runs_of("yearly").await),
        years[years.len() - 1..]
    );
    assert!(lab.runs_of("yearly_or_not").await.is_empty());
    for schedule in lab.engine.schedules().await.unwrap() {
        let last = match schedule.flow_name {
            "yearly" | "yearly_or_not" => years.last(),
            "yearly_at_all" => all.last(),
            _ => continue,
        };
        assert_eq!(schedule.last_tick.as_ref(), last, "{schedule:?}");
    }
}

#[flow(schedule = "0 0 1 * *", missed = "all")]
async fn monthly_at_all() -> Result<Option<DateTime<Utc>>> {
    Ok(tick())
}

pub(crate) async fn more_missed_ticks_than_fit_at_a_time_are_all_started(kind: Kind) {
    let lab = Lab::new(kind).await;
    let since = utc("2000-01-15T00:00:00Z");
    let flow = "monthly_at_all";
    lab.store.begin_schedule(flow, since).await.unwrap();
    lab.while_working(lab.completed("each_second", 1)).await;

    let runs = lab.runs_of(flow).await;
    let months = runs.len();
    assert!(months > 300, "{months}");
    let ticks = ticks(&runs);
    assert_eq!(ticks[0], utc("2000-02-01T00:00:00Z"));
    assert!(ticks.is_sorted_by(|one, next| one < next));
    let longest = ticks.windows(2).map(|pair| (pair[1] - pair[0]).num_days());
    assert_eq!(longest.max(), Some(31));
}

/// A schedule may have been another one then: the last tick counts, and not how often there should have been one.
pub(crate) async fn a_tick_that_was_dealt_with_is_not_missed(kind: Kind) {
    let lab = Lab::new(kind).await;
    let since = utc("2000-01-15T00:00:00Z");
    lab.store.begin_schedule("yearly", since).await.unwrap();
    let advance = flow_engine_db::ScheduleAdvance {
        flow_name: "yearly".to_owned(),
        expected: None,
        last_tick: chrono::Utc::now() - chrono::TimeDelta::minutes(5),
        runs: Vec::new(),
    };
    let last = advance.last_tick;
    assert!(lab.store.advance_schedule(advance).await.unwrap());
    lab.while_working(lab.completed("each_second", 2)).await;

    let runs = lab.runs_of("yearly").await;
    // Were it New Year's Eve, there would be one.
    let new_year = runs.iter().all(|run| run.start_at.unwrap() > last);
    assert!(new_year, "{runs:#?}");
    assert!(runs.iter().all(|run| run.status != RunStatus::Failed));
}
