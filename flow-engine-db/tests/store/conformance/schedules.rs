//! How far schedules have come, and the runs that are queued for their ticks.

use chrono::{DateTime, TimeDelta, Utc};
use flow_engine_db::{
    BackgroundFilter, ExecutionMode, NewRun, RunFilter, RunStatus, ScheduleAdvance, Schedules,
    Store, StoreError, connect,
};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{Fresh, leases::other, rows, rows::time};

const FLOW: &str = "report";

fn tick(number: i64) -> DateTime<Utc> {
    time(1000 * number)
}

fn run_at(tick: DateTime<Utc>) -> NewRun {
    NewRun {
        status: RunStatus::Pending,
        execution_mode: ExecutionMode::Background,
        started_at: None,
        start_at: Some(tick),
        ..NewRun::new(Uuid::now_v7(), FLOW, "{}")
    }
}

fn to(number: i64, expected: Option<DateTime<Utc>>) -> ScheduleAdvance {
    ScheduleAdvance {
        flow_name: FLOW.to_owned(),
        expected,
        last_tick: tick(number),
        runs: vec![run_at(tick(number))],
    }
}

async fn read(store: &dyn Store) -> Schedules {
    let names = vec![FLOW.to_owned(), "article".to_owned()];
    store.schedules(names).await.unwrap()
}

async fn last_tick(store: &dyn Store) -> Option<DateTime<Utc>> {
    read(store).await.schedules[0].last_tick
}

/// The times of the queued runs.
async fn queued(store: &dyn Store) -> Vec<DateTime<Utc>> {
    let filter = RunFilter {
        flow_name: Some(FLOW.to_owned()),
        status: Some(RunStatus::Pending),
        ..RunFilter::default()
    };
    let runs = store.runs(filter).await.unwrap();
    let mut times: Vec<_> = runs.iter().filter_map(|run| run.start_at).collect();
    times.sort();
    times
}

pub(crate) async fn a_schedule_begins_once(db: Fresh) {
    let store = &*db.store;
    let before = Utc::now();
    let none = read(store).await;
    assert_eq!(none.schedules, []);
    // The clock of a server on this machine is another reading of the same.
    assert!((none.now - before).abs() < TimeDelta::minutes(1));

    store.begin_schedule(FLOW, tick(1)).await.unwrap();
    store.begin_schedule(FLOW, tick(2)).await.unwrap();
    store
        .begin_schedule("of another program", tick(3))
        .await
        .unwrap();

    let begun = read(store).await.schedules;
    assert_eq!(begun.len(), 1);
    assert_eq!(begun[0].flow_name, FLOW);
    assert_eq!(begun[0].begun_at, tick(1));
    assert_eq!(begun[0].last_tick, None);
    assert_eq!(begun[0].position(), tick(1));
}

pub(crate) async fn a_schedule_moves_on_with_the_runs_of_its_tick(db: Fresh) {
    let store = &*db.store;
    store.begin_schedule(FLOW, tick(0)).await.unwrap();

    assert!(store.advance_schedule(to(1, None)).await.unwrap());
    let left_out = ScheduleAdvance {
        runs: Vec::new(),
        ..to(2, Some(tick(1)))
    };
    assert!(store.advance_schedule(left_out).await.unwrap());
    let two = ScheduleAdvance {
        runs: vec![run_at(tick(3)), run_at(tick(4))],
        ..to(4, Some(tick(2)))
    };
    assert!(store.advance_schedule(two).await.unwrap());

    let schedule = &read(store).await.schedules[0];
    assert_eq!(schedule.begun_at, tick(0));
    assert_eq!(schedule.last_tick, Some(tick(4)));
    assert_eq!(schedule.position(), tick(4));
    assert_eq!(queued(store).await, [1, 3, 4].map(tick));
    // They are runs as any that was queued.
    let wanted = BackgroundFilter {
        flow_names: vec![FLOW.to_owned()],
        concurrency: std::collections::BTreeMap::new(),
        except: Vec::new(),
        limit: 10,
    };
    let taken = store.acquire_background(wanted, other()).await.unwrap();
    assert_eq!(taken.len(), 3);
}

pub(crate) async fn a_schedule_that_is_no_more_as_it_was_read_stays(db: Fresh) {
    let store = &*db.store;
    assert!(!store.advance_schedule(to(1, None)).await.unwrap());
    store.begin_schedule(FLOW, tick(0)).await.unwrap();
    assert!(!store.advance_schedule(to(1, Some(tick(0)))).await.unwrap());
    assert_eq!(last_tick(store).await, None);

    assert!(store.advance_schedule(to(5, None)).await.unwrap());
    assert!(!store.advance_schedule(to(5, None)).await.unwrap());
    assert!(!store.advance_schedule(to(6, Some(tick(4)))).await.unwrap());
    assert!(!store.advance_schedule(to(6, Some(tick(6)))).await.unwrap());

    assert_eq!(last_tick(store).await, Some(tick(5)));
    assert_eq!(queued(store).await, [tick(5)]);
}

pub(crate) async fn a_schedule_does_not_move_without_its_runs(db: Fresh) {
    let store = &*db.store;
    store.begin_schedule(FLOW, tick(0)).await.unwrap();
    let of_nothing = NewRun {
        parent_run_id: Some(Uuid::now_v7()),
        ..run_at(tick(2))
    };
    let refused = ScheduleAdvance {
        runs: vec![run_at(tick(1)), of_nothing],
        ..to(2, None)
    };

    let error = store.advance_schedule(refused).await.unwrap_err();

    assert!(matches!(error, StoreError::Query { .. }), "{error:?}");
    assert_eq!(last_tick(store).await, None);
    assert!(queued(store).await.is_empty());
    let run = rows::run();
    store
        .submit(flow_engine_db::Lease::first(run.id), vec![run.into()])
        .await
        .unwrap();
}

/// Two processes with four workers each, at each tick at the same time.
pub(crate) async fn of_several_that_move_a_schedule_at_once_one_does(db: Fresh) {
    let stores = [db.store.clone(), connect(&db.url).await.unwrap()];
    stores[0].begin_schedule(FLOW, tick(0)).await.unwrap();
    let mut expected = None;
    for number in 1..=20 {
        let mut asking = JoinSet::new();
        for asks in 0..8 {
            let store = stores[asks % 2].clone();
            asking.spawn(async move { store.advance_schedule(to(number, expected)).await });
        }
        let moved = asking.join_all().await.into_iter();
        let moved = moved.filter(|moved| *moved.as_ref().unwrap()).count();
        assert_eq!(moved, 1, "at tick {number}");
        expected = Some(tick(number));
    }
    let all: Vec<_> = (1..=20).map(tick).collect();
    assert_eq!(queued(&*stores[1]).await, all);
}
