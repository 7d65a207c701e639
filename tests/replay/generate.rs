//! Random programs.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::program::Program;

/// Programs of any shape, small enough for a test.
///
/// `choices`: with races, timeouts that may elapse, and recorded values, which all give something else each time.
pub(crate) fn programs(choices: bool) -> impl Strategy<Value = Program> {
    let question = select(vec!["who", "why", "how"]).prop_map(str::to_owned);
    let leaf = prop_oneof![
        6 => question.clone().prop_map(Program::Ask),
        3 => Just(Program::AskAbout),
        1 => Just(Program::AskItem),
        1 => question.prop_map(Program::Note),
        1 => Just(Program::NoteAbout),
        u32::from(choices) => Just(Program::Draw),
    ];
    let nested = move |inner: BoxedStrategy<Program>| {
        let boxed = || inner.clone().prop_map(Box::new);
        let item = select(vec!["a", "b", "c"]).prop_map(str::to_owned);
        let mapped = (vec(item, 1..4), 1..4_usize, boxed());
        let few = || vec(inner.clone(), 1..4);
        prop_oneof![
            4 => vec(inner.clone(), 0..5).prop_map(Program::Seq),
            3 => mapped.prop_map(|(items, limit, body)| Program::Map { items, limit, body }),
            3 => few().prop_map(Program::Join),
            2 => boxed().prop_map(Program::SubFlow),
            2 * u32::from(choices) => few().prop_map(Program::Race),
            1 => (proptest::bool::weighted(if choices { 0.5 } else { 0.0 }), boxed())
                .prop_map(|(is_short, body)| Program::Timeout { is_short, body }),
        ]
    };
    let several = vec(
        leaf.prop_recursive(4, 24, 4, move |inner| nested(inner.boxed())),
        3..7,
    );
    several
        .prop_map(Program::Seq)
        .prop_filter("too short or too long", |program| {
            (8..=60).contains(&calls(program))
        })
}

/// How many steps it has at most.
fn calls(program: &Program) -> usize {
    match program {
        Program::Seq(parts) | Program::Join(parts) | Program::Race(parts) => {
            parts.iter().map(calls).sum()
        }
        Program::Map { items, body, .. } => items.len() * calls(body),
        Program::SubFlow(body) | Program::Timeout { body, .. } => calls(body),
        _ => 1,
    }
}

/// Where a run is cut off.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    /// After how many answers of this execution.
    pub(crate) after: usize,
    pub(crate) how: How,
}

/// How a run is cut off.
#[derive(Debug, Clone, Copy)]
pub(crate) enum How {
    /// Its future is dropped when it can do nothing but wait.
    Dropped,
    /// Its future is dropped this many turns of the runtime after an answer was released.
    DroppedSoon(usize),
    /// Its process is killed.
    Killed,
}

pub(crate) fn cuts() -> impl Strategy<Value = Vec<Cut>> {
    let how = prop_oneof![
        2 => Just(How::Dropped),
        3 => (0..6_usize).prop_map(How::DroppedSoon),
        2 => Just(How::Killed),
    ];
    vec(
        (0..8_usize, how).prop_map(|(after, how)| Cut { after, how }),
        1..4,
    )
}
