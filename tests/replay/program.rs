//! A flow that is data: random programs, and the flow that executes them.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use flow_engine::prelude::*;
use flow_engine::{BoxFuture, ErrorKind, map, race, random, timeout};
use futures::FutureExt;
use futures::future::try_join_all;

use crate::model::Model;

/// What a flow does.
#[data]
#[derive(PartialEq)]
pub(crate) enum Program {
    /// Asks the model one of a few questions.
    Ask(String),
    /// Asks about what came before.
    AskAbout,
    /// Asks about the item of the innermost `map`.
    AskItem,
    /// A task.
    Note(String),
    /// A task that is given what came before.
    NoteAbout,
    /// A recorded value.
    Draw,
    /// One after the other.
    Seq(Vec<Program>),
    /// `flow_engine::map`.
    Map {
        items: Vec<String>,
        limit: usize,
        body: Box<Program>,
    },
    /// All at once, without a scope of their own.
    Join(Vec<Program>),
    /// In a run of its own.
    SubFlow(Box<Program>),
    /// The first of them.
    Race(Vec<Program>),
    /// With so little time that it may or may not do, or with enough.
    Timeout { is_short: bool, body: Box<Program> },
}

/// What a part of a program gave.
#[data]
#[derive(PartialEq, Default)]
pub(crate) struct Trace {
    /// All of it, as nested as the program.
    pub(crate) text: String,
    /// The outputs of steps that it was made of.
    pub(crate) used: Vec<String>,
    /// The lanes of what lost a race or came too late.
    pub(crate) lost: Vec<String>,
}

/// Where in a program the execution is.
#[data]
#[derive(PartialEq, Default)]
pub(crate) struct At {
    /// Whether equal questions get different answers.
    pub(crate) unique: bool,
    /// What came before.
    last: String,
    item: String,
    /// Part of every question, see [`At::branch`] and [`At::choice`].
    lane: String,
    /// Whether the way to here is known, and makes the lanes of choices unique.
    marked: bool,
    path: String,
}

impl At {
    pub(crate) fn start(unique: bool, marked: bool) -> Self {
        Self {
            unique,
            marked,
            ..Self::default()
        }
    }

    fn step(&self, way: &str) -> Self {
        let path = if self.marked {
            format!("{}{way}", self.path)
        } else {
            String::new()
        };
        Self {
            path,
            ..self.clone()
        }
    }

    /// A branch of a `Join`.
    fn branch(&self, index: usize) -> Self {
        self.step(&format!("j{index}"))
    }

    /// What a choice may give up. Its lane says so: what it recorded before stays in the journal, and no call has to use it.
    fn choice(&self, index: usize) -> Self {
        let here = self.step(&format!("r{index}"));
        let lane = if self.marked {
            format!("!{}", here.path)
        } else {
            format!("{}!{index}", self.lane)
        };
        Self { lane, ..here }
    }

    /// A branch of a `map`.
    fn item(&self, index: usize, item: &str) -> Self {
        Self {
            item: item.to_owned(),
            ..self.step(&format!("m{index}"))
        }
    }

    /// Inside of a sub-flow: equal ones stay equal where nothing has to be told apart.
    fn inside(&self, program: &Program) -> Self {
        if program.has_choice() {
            self.step("f")
        } else {
            Self {
                path: String::new(),
                ..self.clone()
            }
        }
    }

    fn question(&self, question: &str) -> String {
        format!("{}: {question}", self.lane)
    }

    fn about(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.last.hash(&mut hasher);
        self.question(&format!("about {:08x}", hasher.finish() >> 32))
    }
}

/// An item of a `map`, known by its label only.
#[data]
struct Item {
    label: String,
    #[serde(skip)]
    at: At,
}

/// The lane of a question, or of the output for it.
pub(crate) fn lane(output: &str) -> &str {
    output.split_once(": ").map_or("", |(lane, _)| lane)
}

impl Trace {
    fn of(output: String) -> Self {
        Self {
            text: output.clone(),
            used: vec![output],
            ..Self::default()
        }
    }

    fn of_all(kind: &str, parts: Vec<Self>) -> Self {
        let texts: Vec<_> = parts.iter().map(|part| part.text.as_str()).collect();
        let text = format!("{kind}[{}]", texts.join("; "));
        Self {
            text,
            used: parts.iter().flat_map(|part| part.used.clone()).collect(),
            lost: parts.into_iter().flat_map(|part| part.lost).collect(),
        }
    }
}

/// Asks the model; the prompt is the question.
#[step(prompt = "./prompts/inquire.md")]
pub(crate) async fn inquire(question: String) -> String;

#[step]
async fn note(text: String, #[state] model: Model) -> String {
    tokio::task::yield_now().await;
    model.note(&text)
}

#[flow]
pub(crate) async fn whole(program: Program, at: At) -> Result<Trace> {
    execute(program, at).await
}

#[flow]
async fn part(program: Program, at: At) -> Result<Trace> {
    execute(program, at).await
}

fn execute(program: Program, at: At) -> BoxFuture<'static, Result<Trace>> {
    async move {
        Ok(match program {
            Program::Ask(question) => Trace::of(inquire(at.question(&question)).await?),
            Program::AskAbout => Trace::of(inquire(at.about()).await?),
            Program::AskItem => Trace::of(inquire(at.question(&at.item)).await?),
            Program::Note(text) => Trace::of(note(at.question(&text)).await?),
            Program::NoteAbout => Trace::of(note(at.about()).await?),
            Program::Draw => Trace::of(random().await?.to_string()),
            Program::Seq(parts) => in_order(parts, at).await?,
            Program::Map { items, limit, body } => {
                let items = items.into_iter().enumerate().map(|(index, item)| Item {
                    at: at.item(index, &item),
                    label: item,
                });
                let branch = |item: Item| execute((*body).clone(), item.at);
                Trace::of_all("map", map(items, limit, branch).await?)
            }
            Program::Join(parts) => {
                let parts = parts.into_iter().enumerate();
                let all = parts.map(|(index, part)| execute(part, at.branch(index)));
                Trace::of_all("join", try_join_all(all).await?)
            }
            Program::SubFlow(body) => {
                let at = at.inside(&body);
                part(*body, at).await?
            }
            Program::Race(parts) if parts.is_empty() => Trace::default(),
            Program::Race(parts) => {
                let ways: Vec<At> = (0..parts.len()).map(|index| at.choice(index)).collect();
                let all = parts.into_iter().zip(ways.clone());
                let (first, end) = race(all.map(|(part, at)| execute(part, at))).await?;
                let mut trace = end?;
                let others = ways
                    .into_iter()
                    .enumerate()
                    .filter(|(index, _)| *index != first);
                trace.lost.extend(others.map(|(_, at)| at.lane));
                trace.text = format!("race {first}[{}]", trace.text);
                trace
            }
            Program::Timeout { is_short, body } => {
                let (limit, at) = if is_short {
                    (Duration::from_millis(2), at.choice(0))
                } else {
                    (Duration::from_hours(1), at)
                };
                let lane = at.lane.clone();
                match timeout(limit, execute(*body, at)).await {
                    Ok(end) => end?,
                    Err(error) if error.kind() == ErrorKind::TimedOut => Trace {
                        text: "late".to_owned(),
                        used: Vec::new(),
                        lost: vec![lane],
                    },
                    Err(error) => return Err(error.into()),
                }
            }
        })
    }
    .boxed()
}

async fn in_order(parts: Vec<Program>, mut at: At) -> Result<Trace> {
    let mut traces = Vec::with_capacity(parts.len());
    for (index, part) in parts.into_iter().enumerate() {
        let trace = execute(part, at.step(&format!("s{index}"))).await?;
        at.last.clone_from(&trace.text);
        traces.push(trace);
    }
    Ok(Trace::of_all("", traces))
}

impl Program {
    /// Whether time decides something in it.
    fn has_choice(&self) -> bool {
        match self {
            Self::Race(_) | Self::Timeout { is_short: true, .. } => true,
            Self::Seq(parts) | Self::Join(parts) => parts.iter().any(Self::has_choice),
            Self::Map { body, .. } | Self::SubFlow(body) | Self::Timeout { body, .. } => {
                body.has_choice()
            }
            _ => false,
        }
    }
}
