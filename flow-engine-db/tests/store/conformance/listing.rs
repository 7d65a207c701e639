//! Lists of runs.

use flow_engine_db::{NewRun, RunFilter, RunStatus, Store};
use uuid::Uuid;

use super::{Fresh, rows, tell::Tell as _};

const NONE: [Uuid; 0] = [];

async fn ids(store: &dyn Store, filter: RunFilter) -> Vec<Uuid> {
    store
        .runs(filter)
        .await
        .unwrap()
        .iter()
        .map(|run| run.id)
        .collect()
}

async fn start(store: &dyn Store, run: NewRun) -> Uuid {
    let id = run.id;
    store.tell(vec![run.into()]).await.unwrap();
    id
}

pub(crate) async fn runs_are_listed_newest_first(db: Fresh) {
    let mut started = Vec::new();
    for _ in 0..60 {
        started.push(rows::started_run(&*db.store).await);
    }
    started.reverse();
    assert_eq!(ids(&*db.store, RunFilter::default()).await, started[..50]);
    assert_eq!(
        ids(
            &*db.store,
            RunFilter {
                limit: 100,
                ..RunFilter::default()
            }
        )
        .await,
        started
    );
}

pub(crate) async fn each_filter_keeps_only_what_matches(db: Fresh) {
    let store = &*db.store;
    let (ada, bob) = (Uuid::now_v7(), Uuid::now_v7());
    let of = |user, name: &str| NewRun {
        user_id: Some(user),
        flow_name: name.to_owned(),
        ..rows::run()
    };
    let first = start(store, of(ada, "article")).await;
    let second = start(store, of(ada, "report")).await;
    let mut pending = of(bob, "article");
    pending.status = RunStatus::Pending;
    let third = start(store, pending).await;
    let child = NewRun {
        flow_name: "report".to_owned(),
        ..rows::sub_run(first, first)
    };
    let child = start(store, child).await;

    for (expected, filter) in [
        (vec![second, first], by(|f| f.user_id = Some(ada))),
        (vec![], by(|f| f.user_id = Some(Uuid::now_v7()))),
        (vec![third], by(|f| f.status = Some(RunStatus::Pending))),
        (
            vec![child, second],
            by(|f| f.flow_name = Some("report".to_owned())),
        ),
        (
            vec![],
            by(|f| f.flow_name = Some("x' OR '1'='1".to_owned())),
        ),
        (vec![child], by(|f| f.parent_run_id = Some(first))),
        (vec![third, second, first], by(|f| f.roots_only = true)),
        (vec![first], by(|f| f.before = Some(second))),
        (
            vec![first],
            by(|f| {
                f.user_id = Some(ada);
                f.flow_name = Some("article".to_owned());
            }),
        ),
    ] {
        assert_eq!(ids(store, filter.clone()).await, expected, "{filter:?}");
    }
}

fn by(set: impl FnOnce(&mut RunFilter)) -> RunFilter {
    let mut filter = RunFilter::default();
    set(&mut filter);
    filter
}

pub(crate) async fn pages_by_offset_and_by_id_are_the_same(db: Fresh) {
    let store = &*db.store;
    for _ in 0..7 {
        rows::started_run(store).await;
    }
    let (mut by_offset, mut by_id) = (Vec::new(), Vec::new());
    for page in 0..4 {
        by_offset.extend(
            ids(
                store,
                RunFilter {
                    limit: 2,
                    offset: page * 2,
                    ..RunFilter::default()
                },
            )
            .await,
        );
        let before = by_id.last().copied();
        by_id.extend(
            ids(
                store,
                RunFilter {
                    limit: 2,
                    before,
                    ..RunFilter::default()
                },
            )
            .await,
        );
    }
    assert_eq!(by_offset, ids(store, RunFilter::default()).await);
    assert_eq!(by_id, by_offset);
    assert_eq!(
        ids(
            store,
            RunFilter {
                limit: 0,
                ..RunFilter::default()
            }
        )
        .await,
        NONE
    );
}
