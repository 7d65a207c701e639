//! Random flows, cut off anywhere and resumed, with answers in a random order.

use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, RngSeed, TestRunner};

use crate::generate::{Cut, cuts, programs};
use crate::ledger::Ledger;
use crate::model::Model;
use crate::program::{At, Program};
use crate::trial::Trial;

/// The answer is a function of the question, so there is one right output.
#[test]
fn a_flow_that_was_cut_off_gives_what_it_gives_undisturbed() {
    holds_for(programs(false), |_| At::start(false, false));
}

/// Every answer is another one, so what is asked twice is seen.
#[test]
fn a_flow_that_was_cut_off_uses_every_answer_that_it_has_paid_for() {
    holds_for(programs(true), |marked| At::start(true, marked));
}

/// The same cases every time; `PROPTEST_CASES` and `PROPTEST_RNG_SEED` ask for more and for others.
fn runner() -> TestRunner {
    let given = |name| -> Option<u32> { std::env::var(name).ok()?.parse().ok() };
    let persistence = FileFailurePersistence::Direct("replay/regressions.txt");
    TestRunner::new(ProptestConfig {
        cases: given("PROPTEST_CASES").unwrap_or(100),
        rng_seed: RngSeed::Fixed(given("PROPTEST_RNG_SEED").unwrap_or(1).into()),
        failure_persistence: Some(Box::new(persistence)),
        max_shrink_time: 120_000,
        ..ProptestConfig::default()
    })
}

fn holds_for(programs: impl Strategy<Value = Program>, at: fn(bool) -> At) {
    let (cases, cut_off) = (AtomicU32::new(0), AtomicU32::new(0));
    let inputs = (programs, any::<u64>(), cuts(), any::<bool>());
    let ended = runner().run(&inputs, |(program, seed, cuts, marked)| {
        let was_cut_off = check(&program, seed, &cuts, at(marked));
        cases.fetch_add(1, Ordering::Relaxed);
        cut_off.fetch_add(u32::from(was_cut_off), Ordering::Relaxed);
        Ok(())
    });
    if let Err(failure) = ended {
        panic!("{failure}");
    }
    let (cases, cut_off) = (cases.into_inner(), cut_off.into_inner());
    assert!(
        cut_off * 2 >= cases,
        "only {cut_off} of {cases} runs were cut off"
    );
}

/// Whether it really was cut off.
fn check(program: &Program, seed: u64, cuts: &[Cut], at: At) -> bool {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    runtime.block_on(async {
        let model = Model::new(at.unique);
        let mut trial = Trial::new(model.clone(), seed).await;
        let done = trial.completed(program, at.clone(), cuts).await;
        let paid = model.counts();

        let ledger = Ledger::of(&trial.engine, done.run_id).await;
        ledger.assert_nothing_is_open();
        ledger.assert_nothing_is_lost(paid);
        ledger.assert_sums();
        ledger.assert_all_was_used(&done.trace);
        let tokens = u64::try_from(ledger.runs[0].total_tokens);
        assert_eq!(tokens, Ok(done.tokens));

        let (fork, again) = trial.forked(done.run_id).await;
        assert_eq!(
            model.counts(),
            paid,
            "a fork with nothing changed executes nothing"
        );
        assert_eq!(again, done.trace, "and gives the same");
        let fork = Ledger::of(&trial.engine, fork).await;
        fork.assert_nothing_is_open();
        fork.assert_sums();
        assert_eq!((fork.requests.len(), fork.runs[0].total_tokens), (0, 0));

        if !at.unique {
            assert_eq!(trial.undisturbed(program, at).await, done.trace);
        }
        trial.engine.close().await;
        done.cuts > 0
    })
}
