//! Random flows, cut off anywhere and resumed, with answers in a random order.

use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, RngSeed};

use crate::generate::{Cut, cuts, programs};
use crate::ledger::Ledger;
use crate::model::Model;
use crate::program::Program;
use crate::trial::Trial;

/// How many cases really were cut off.
static CUT: AtomicUsize = AtomicUsize::new(0);

/// The same cases every time; `PROPTEST_CASES` and `PROPTEST_RNG_SEED` ask for more and for others.
fn cases(cases: u32) -> ProptestConfig {
    let given = |name| {
        std::env::var(name)
            .ok()
            .and_then(|value: String| value.parse().ok())
    };
    ProptestConfig {
        cases: given("PROPTEST_CASES").map_or(cases, |cases: u64| u32::try_from(cases).unwrap()),
        rng_seed: RngSeed::Fixed(given("PROPTEST_RNG_SEED").unwrap_or(1)),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(
            "replay/regressions.txt",
        ))),
        max_shrink_time: 120_000,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(100))]

    /// The answer is a function of the question, so there is one right output.
    #[test]
    fn a_flow_that_was_cut_off_gives_what_it_gives_undisturbed(
        program in programs(false),
        seed in any::<u64>(),
        cuts in cuts(),
    ) {
        check(&program, seed, &cuts, false);
    }

    /// Every answer is another one, so what is asked twice is seen.
    #[test]
    fn a_flow_that_was_cut_off_uses_every_answer_that_it_has_paid_for(
        program in programs(true),
        seed in any::<u64>(),
        cuts in cuts(),
    ) {
        check(&program, seed, &cuts, true);
    }
}

fn check(program: &Program, seed: u64, cuts: &[Cut], unique: bool) {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    runtime.block_on(async {
        let model = Model::new(unique);
        let mut trial = Trial::new(model.clone(), seed).await;
        let done = trial.completed(program, unique, cuts).await;
        CUT.fetch_add(usize::from(done.cuts > 0), Ordering::Relaxed);
        let paid = model.counts();

        let ledger = Ledger::of(&trial.engine, done.run_id).await;
        ledger.assert_nothing_is_open();
        ledger.assert_nothing_is_lost(paid);
        ledger.assert_sums();
        ledger.assert_all_was_used(&done.trace);
        assert_eq!(u64::try_from(ledger.runs[0].total_tokens).unwrap(), done.tokens);

        let (fork, again) = trial.forked(done.run_id).await;
        assert_eq!(model.counts(), paid, "a fork with nothing changed executes nothing");
        assert_eq!(again, done.trace, "and gives the same");
        let fork = Ledger::of(&trial.engine, fork).await;
        fork.assert_nothing_is_open();
        fork.assert_sums();
        assert_eq!((fork.requests.len(), fork.runs[0].total_tokens), (0, 0));

        if !unique {
            assert_eq!(trial.undisturbed(program, unique).await, done.trace);
        }
        if std::env::var_os("REPLAY_STATS").is_some() { eprintln!("STAT unique={unique} cuts={} sent={} answered={} dropped={} notes={} rows={} runs={} used={} lost={}", done.cuts, paid.sent, paid.answered, paid.dropped, paid.notes, ledger.steps.len(), ledger.runs.len(), done.trace.used.len(), done.trace.lost.len()); }
        trial.engine.close().await;
    });
}
