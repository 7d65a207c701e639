//! A connection that is lost while the answer to its commit is on the way: the store writes again what was written.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use flow_engine_db::{
    Lease, LeaseTerm, NewRun, Progress, RunProgress, RunReopen, RunStatus, StepFinish, StepStatus,
    Store, Write, connect,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use uuid::Uuid;

use super::Database;
use crate::conformance::{rows, tell::Tell as _};

/// Stands between a store and its server.
struct Proxy {
    address: SocketAddr,
    /// The next commit is not answered.
    cut: Arc<AtomicBool>,
}

impl Proxy {
    async fn new(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let cut = Arc::new(AtomicBool::new(false));
        let armed = Arc::clone(&cut);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                tokio::spawn(pass(client, server, Arc::clone(&armed)));
            }
        });
        Self { address, cut }
    }
}

/// Passes on what both say, until one of them ends it or a commit is to be cut.
async fn pass(mut client: TcpStream, mut server: TcpStream, cut: Arc<AtomicBool>) {
    let (mut asked, mut answered) = ([0; 8192], [0; 8192]);
    loop {
        tokio::select! {
            Ok(length) = client.read(&mut asked) => {
                let asked = &asked[..length];
                if length == 0 || server.write_all(asked).await.is_err() {
                    return;
                }
                if asked.windows(6).any(|word| word == b"COMMIT") && cut.swap(false, SeqCst) {
                    // It has been committed when this comes.
                    assert_ne!(server.read(&mut answered).await.unwrap(), 0);
                    return;
                }
            }
            Ok(length) = server.read(&mut answered) => {
                if length == 0 || client.write_all(&answered[..length]).await.is_err() {
                    return;
                }
            }
            else => return,
        }
    }
}

/// A store whose commits can be cut, and one beside it that reads.
async fn stores() -> (Database, Proxy, Arc<dyn Store>, Arc<dyn Store>) {
    let database = Database::new();
    let url = database.url();
    let (credentials, place) = url.rsplit_once('@').unwrap();
    let (server, name) = place.split_once('/').unwrap();
    let proxy = Proxy::new(server.to_owned()).await;
    let cut = format!("{credentials}@{}/{name}?sslmode=disable", proxy.address);
    let store = connect(&cut).await.unwrap();
    let other = connect(&url).await.unwrap();
    (database, proxy, store, other)
}

fn progress(run: Uuid) -> Write {
    let progress = RunProgress {
        id: run,
        progress: Progress {
            total_tokens: 7,
            ..Progress::default()
        },
        last_heartbeat: rows::time(0),
    };
    progress.into()
}

/// A run that a killed process left, with a sub-run that is open below it.
async fn left_behind(store: &dyn Store) -> (Uuid, Uuid, Uuid) {
    let run = NewRun {
        lease: Some(LeaseTerm {
            owner: Uuid::from_u128(9),
            duration: std::time::Duration::ZERO,
        }),
        ..rows::run()
    };
    let root = run.id;
    store.tell(vec![run.into()]).await.unwrap();
    let below = rows::started_sub_run(store, root, root).await;
    let step = rows::started_step(store, below, 0).await;
    (root, below, step)
}

/// Goes on with a run as a resume does: what a killed process could not write any more, then the opening.
fn opening(root: Uuid, below: Uuid, step: Uuid, expected: RunStatus) -> Vec<Write> {
    let reopen = RunReopen {
        expected: Some(expected),
        ..RunReopen::new(root)
    };
    let mut writes = vec![
        StepFinish::new(step, StepStatus::Cancelled).into(),
        reopen.into(),
    ];
    if expected == RunStatus::Running {
        writes.splice(1..1, [progress(root), progress(below)]);
    }
    writes
}

async fn taken(store: &dyn Store, root: Uuid) -> Lease {
    store.acquire(root, rows::term()).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_whose_opening_was_committed_unknown_to_all_goes_on() {
    let (_database, proxy, store, other) = stores().await;
    let store = &*store;
    for expected in [RunStatus::Running, RunStatus::Interrupted] {
        let (root, below, step) = left_behind(&*other).await;
        if expected == RunStatus::Interrupted {
            other
                .tell(vec![rows::ended(root, expected).into()])
                .await
                .unwrap();
        }
        let lease = taken(store, root).await;
        let next = rows::step(root, 1);
        let id = next.id;

        proxy.cut.store(true, SeqCst);
        // What comes behind may share its batch.
        let opened = store.submit(lease, opening(root, below, step, expected));
        let begun = store.submit(lease, vec![next.into()]);

        opened.await.unwrap();
        assert!(!proxy.cut.load(SeqCst), "no commit was cut");
        begun.await.unwrap();
        let done = store.submit(lease, vec![rows::completed(id).into()]);
        done.await.unwrap();
        assert_eq!(rows::status_of(&*other, root).await, RunStatus::Running);
        assert_eq!(
            rows::status_of(&*other, below).await,
            RunStatus::Interrupted
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_opened_its_sub_run_unknown_to_all_is_not_closed_by_that() {
    let (_database, proxy, store, other) = stores().await;
    let (root, below, _) = left_behind(&*other).await;
    other
        .tell(vec![rows::ended(root, RunStatus::Interrupted).into()])
        .await
        .unwrap();
    let lease = taken(&*store, root).await;
    let reopen = vec![RunReopen::new(root).into()];
    store.submit(lease, reopen).await.unwrap();
    let step = rows::step(below, 1);
    let id = step.id;

    proxy.cut.store(true, SeqCst);
    let unit = vec![RunReopen::new(below).into(), step.into()];
    store.submit(lease, unit).await.unwrap();

    assert!(!proxy.cut.load(SeqCst), "no commit was cut");
    let done = store.submit(lease, vec![rows::completed(id).into()]);
    done.await.unwrap();
    assert_eq!(rows::status_of(&*other, below).await, RunStatus::Running);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_began_with_its_opening_unknown_to_all_is_not_closed_by_that() {
    let (_database, proxy, store, other) = stores().await;
    let (root, _, _) = left_behind(&*other).await;
    let lease = taken(&*store, root).await;
    let reopen = RunReopen {
        expected: Some(RunStatus::Running),
        ..RunReopen::new(root)
    };
    let step = rows::step(root, 1);
    let id = step.id;

    proxy.cut.store(true, SeqCst);
    let unit = vec![reopen.into(), step.into()];
    store.submit(lease, unit).await.unwrap();

    assert!(!proxy.cut.load(SeqCst), "no commit was cut");
    let done = store.submit(lease, vec![rows::completed(id).into()]);
    done.await.unwrap();
}
