//! A disk that is full, and a log that was cut off: files of SQLite only.

use crate::database::Kind;
use crate::enumeration::{hold, plot, undisturbed};
use crate::story::{Mishap, Plot};

async fn in_mishaps(flow: &'static str, mishaps: impl Iterator<Item = (Mishap, u64)>) -> usize {
    let (world, reference) = undisturbed(Kind::Sqlite, flow).await;
    let plots = mishaps.map(|(mishap, kill)| Plot {
        disk: Some(mishap),
        ..plot(
            flow,
            (kill > 0).then_some(("during", kill)).into_iter().collect(),
        )
    });
    let stories = hold(&world, &reference, plots.collect()).await;
    stories
        .iter()
        .filter(|story| story.lives.len() == 2)
        .count()
}

/// The files of an empty database, and the index of a log, are longer than the first of these.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_on_a_full_disk_says_so_and_goes_on_when_there_is_room() {
    for flow in ["in_sequence", "in_parallel", "nested"] {
        let full = (80..=1040)
            .step_by(48)
            .map(|blocks| (Mishap::Full(blocks), 0));
        let failed = in_mishaps(flow, full).await;
        println!("{flow}: {failed} times the disk was full");
        assert!(failed > 5, "{flow}: {failed}");
    }
}

/// Each cut is somewhere in a page.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_whose_log_is_cut_off_goes_on_from_its_last_whole_write() {
    for flow in ["in_sequence", "in_parallel", "nested"] {
        let cuts = (0..40).map(|number| (Mishap::CutAt(number * 15_013), 40));
        let resumed = in_mishaps(flow, cuts).await;
        assert_eq!(resumed, 40, "{flow}");
    }
}
