//! A server that is killed and comes back, while workers go on.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::time::{Duration, Instant};

use flow_engine::{RunStatus, StepStatus};
use tokio::time::sleep;

use crate::flows::{DRAWS, draws};
use crate::own_server::OwnServer;
use crate::{Lab, start_telling};

const OUTAGES: usize = 5;
/// One of them: longer than the leases of the workers.
const LONG: Duration = Duration::from_secs(4);
const RUNS: u32 = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_and_workers_go_on_when_the_server_is_killed() {
    let server = OwnServer::new();
    let lab = Lab::on(server.start(), None, |builder| builder).await;
    let mut ids = Vec::new();
    for number in 0..RUNS {
        ids.push(lab.engine.run(draws(number)).enqueue().await.unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    let heard = [0, 1].map(|number: usize| folder.path().join(number.to_string()));
    let begin = Instant::now();
    let mut workers = heard
        .each_ref()
        .map(|heard| start_telling(&lab.database, File::create(heard).unwrap()));
    let mut away = Duration::ZERO;
    let mut before = Vec::new();
    for outage in 0..OUTAGES {
        sleep(Duration::from_millis(1500)).await;
        before.push(lab.count(RunStatus::Completed).await);
        let killed = Instant::now();
        // Blocks its thread; the workers are processes.
        tokio::task::block_in_place(|| {
            server.kill();
            if outage == 2 {
                std::thread::sleep(LONG);
            }
            server.start();
        });
        away += killed.elapsed();
    }
    assert!(
        before[OUTAGES - 1] < ids.len(),
        "there was no load any more"
    );
    lab.completed(ids.len()).await;
    for worker in &mut workers {
        assert!(!worker.has_ended(), "a worker has ended");
    }
    let took = begin.elapsed();
    drop(workers);

    let mut acknowledged = BTreeMap::<(u32, u32), BTreeSet<String>>::new();
    for heard in &heard {
        let told = std::fs::read_to_string(heard).unwrap();
        // The last line may have been cut.
        let (told, _) = told.rsplit_once('\n').unwrap();
        for line in told.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let part = (words[0].parse().unwrap(), words[1].parse().unwrap());
            acknowledged
                .entry(part)
                .or_default()
                .insert(words[2].to_owned());
        }
    }
    let mut taken = 0;
    for (number, id) in (0..).zip(&ids) {
        let run = lab.engine.find_run(*id).await.unwrap().unwrap();
        taken += run.lease_epoch;
        let steps = lab.engine.steps_of(*id).await.unwrap();
        let mut recorded = steps
            .iter()
            .filter(|step| step.status == StepStatus::Completed);
        for part in 0..DRAWS {
            // The one that is recorded is the one that was heard of, in every execution.
            let heard = &acknowledged[&(number, part)];
            let drawn: BTreeSet<String> = recorded
                .clone()
                .filter(|step| step.inputs["part"] == part)
                .map(|step| step.outputs.as_ref().unwrap().as_str().unwrap().to_owned())
                .collect();
            assert_eq!(*heard, drawn, "draw {part} of {number}");
            assert_eq!(heard.len(), 1, "draw {part} of {number}: {heard:?}");
        }
        assert_eq!(recorded.by_ref().count(), DRAWS as usize);
    }
    println!(
        "{RUNS} runs in {took:.1?}, the server killed {OUTAGES} times and away for {away:.1?}, {} steps acknowledged, \
         {before:?} runs completed before each kill, runs taken {taken} times",
        acknowledged.len(),
    );
}
