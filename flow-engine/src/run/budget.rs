//! What may be spent: reserved before a request, settled after it.

use std::sync::Arc;

use tokio::sync::watch;

use super::Run;
use super::progress::usd;
use super::question::Question;
use crate::error::{Error, ErrorKind};
use crate::llm::{Model, OutputFormat, Parameters, REPLAY, Usage};
use crate::prices::Prices;

/// What people write has no more tokens than this many bytes each, in any language. Rows of signs, such as keys, can have more.
const BYTES_PER_TOKEN: usize = 2;
/// What an image or a file comes to, at the most that is usual.
const TOKENS_PER_ATTACHMENT: usize = 3000;

/// The budget of an engine, a run or a step.
#[derive(Debug)]
pub(crate) struct Budget {
    /// As a message names it: `` the flow `digest` ``.
    of: String,
    limit_nano_usd: i64,
    used: watch::Sender<Used>,
}

/// In nano-USD.
#[derive(Debug, Clone, Copy)]
struct Used {
    spent: i64,
    /// What requests on their way may come to.
    reserved: i64,
}

impl Budget {
    pub(crate) fn new(of: impl Into<String>, limit_nano_usd: i64, spent: i64) -> Arc<Self> {
        Arc::new(Self {
            of: of.into(),
            limit_nano_usd,
            used: watch::Sender::new(Used { spent, reserved: 0 }),
        })
    }

    /// Whether it is in the budget, if nothing that is on its way costs anything.
    fn allows(&self, used: &Used, amount: i64) -> bool {
        used.spent.saturating_add(amount) <= self.limit_nano_usd
    }

    fn has_room(&self, used: &Used, amount: i64) -> bool {
        let taken = used.spent.saturating_add(used.reserved);
        taken.saturating_add(amount) <= self.limit_nano_usd
    }

    fn reserve(&self, amount: i64) -> bool {
        self.used.send_if_modified(|used| {
            let has_room = self.has_room(used, amount);
            if has_room {
                used.reserved = used.reserved.saturating_add(amount);
            }
            has_room
        })
    }

    /// Ends a reservation.
    fn settle(&self, amount: i64, cost: i64) {
        self.used.send_modify(|used| {
            used.reserved = used.reserved.saturating_sub(amount);
            used.spent = used.spent.saturating_add(cost);
        });
    }

    /// Waits until there is room, or until there certainly will be none.
    async fn room(&self, amount: i64) -> Result<(), Error> {
        let mut used = self.used.subscribe();
        let decided = used
            .wait_for(|used| !self.allows(used, amount) || self.has_room(used, amount))
            .await;
        // The sender is in the budget, so it is there.
        let Ok(used) = decided else { return Ok(()) };
        if self.allows(&used, amount) {
            return Ok(());
        }
        let message = format!(
            "the budget of {} is {}, of which {} is spent, and this request may cost {}; raise `budget_usd`, or lower \
             `max_output_tokens`",
            self.of,
            dollars(self.limit_nano_usd),
            dollars(used.spent),
            dollars(amount)
        );
        Err(Error::new(ErrorKind::OverBudget, message))
    }
}

fn dollars(nano_usd: i64) -> String {
    format!("${:.6}", usd(nano_usd))
}

/// What is kept back for a request. If that has been sent, and this is dropped before it is settled, all of it counts as spent:
/// nobody knows what became of the request.
#[derive(Debug, Default)]
pub(super) struct Reservation {
    budgets: Vec<Arc<Budget>>,
    amount: i64,
    sent: bool,
    settled: bool,
}

impl Reservation {
    /// Keeps back what a request may cost at most, in every budget that it falls under; waits where requests on their way
    /// may leave enough.
    ///
    /// # Errors
    /// [`ErrorKind::OverBudget`], or that the price of the model is not known.
    pub(super) async fn of(
        question: &Question,
        run: &Run,
        step: Option<&Arc<Budget>>,
    ) -> Result<Self, Error> {
        let runs = run.and_ancestors().filter_map(|run| run.budget.as_ref());
        let budgets = step.into_iter().chain(runs).chain(&run.services.budget);
        let budgets: Vec<_> = budgets.map(Arc::clone).collect();
        let is_replay = || question.model.backend.operation(&question.request) == REPLAY;
        if budgets.is_empty() || is_replay() {
            return Ok(Self::default());
        }
        let amount = match most(question, &run.services.prices) {
            Err(_) if question.model.backend.is_free() => return Ok(Self::default()),
            amount => amount?,
        };
        loop {
            for budget in &budgets {
                budget.room(amount).await?;
            }
            let taken = budgets
                .iter()
                .take_while(|budget| budget.reserve(amount))
                .count();
            if taken == budgets.len() {
                return Ok(Self {
                    budgets,
                    amount,
                    sent: false,
                    settled: false,
                });
            }
            // Another request was faster in one of them.
            for budget in &budgets[..taken] {
                budget.settle(amount, 0);
            }
        }
    }

    /// The request leaves.
    pub(super) fn sent(&mut self) {
        self.sent = true;
    }

    /// Gives back what the request did not cost.
    pub(super) fn settle(&mut self, cost_nano_usd: i64) {
        self.settled = true;
        for budget in &self.budgets {
            budget.settle(self.amount, cost_nano_usd);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if !self.settled {
            self.settle(if self.sent { self.amount } else { 0 });
        }
    }
}

/// The longest answer that a model may give to a request with these parameters, if what that costs can be known.
///
/// # Errors
/// That it cannot.
pub(crate) fn longest_answer(
    model: &Model,
    parameters: &Parameters,
    prices: &Prices,
) -> Result<u64, Error> {
    let (provider, name) = (model.backend.provider(), &*model.name);
    if prices.price(provider, name).is_none() {
        return Err(refused(model, &unpriced(provider)));
    }
    let longest = parameters.max_output_tokens.map(u64::from);
    longest
        .or_else(|| prices.max_output_tokens(provider, name))
        .ok_or_else(|| {
            let reason = "its longest answer is not known; set `max_output_tokens`";
            refused(model, reason)
        })
}

/// What a request costs at most.
fn most(question: &Question, prices: &Prices) -> Result<i64, Error> {
    let (request, model) = (&question.request, &question.model);
    if request.web_search.is_some() {
        let reason =
            "how often it searches the web, and how much it reads there, is not known before";
        return Err(refused(model, reason));
    }
    let output = longest_answer(model, &request.parameters, prices)?;
    let input: usize = request
        .messages
        .iter()
        .map(|message| {
            let attached = message.attachments.len() * TOKENS_PER_ATTACHMENT;
            message.content.len().div_ceil(BYTES_PER_TOKEN) + attached
        })
        .sum();
    let format = request
        .format
        .schema()
        .map_or(0, |schema| schema.to_string().len());
    let usage = Usage {
        input_tokens: u64::try_from(input + format.div_ceil(BYTES_PER_TOKEN)).ok(),
        output_tokens: Some(output),
        // All of it, should it be of images, which cost more.
        image_input_tokens: Some(0),
        image_output_tokens: (request.format == OutputFormat::Image).then_some(output),
        ..Usage::default()
    };
    let provider = model.backend.provider();
    let cost = prices.cost(provider, &model.name, &usage);
    Ok(cost
        .ok_or_else(|| refused(model, &unpriced(provider)))?
        .nano_usd)
}

fn unpriced(provider: &str) -> String {
    format!(
        "the price of `{provider}`'s model is not known; give it with `Engine::builder().prices(…)` or FLOW_ENGINE_PRICES"
    )
}

fn refused(model: &Model, reason: &str) -> Error {
    let message = format!("`{}` cannot be asked under a budget: {reason}", model.name);
    Error::new(ErrorKind::OverBudget, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_requests_do_not_get_the_same_room() {
        let budget = Budget::new("a test", 10, 3);
        assert!(budget.reserve(6));
        assert!(!budget.reserve(2), "9 of 10 are taken");
        budget.settle(6, 1);
        assert!(budget.reserve(6));
        assert!(!budget.reserve(1));
    }

    #[test]
    fn amounts_beyond_all_measure_have_no_room() {
        let budget = Budget::new("a test", i64::MAX - 1, 1);
        assert!(!budget.reserve(i64::MAX));
    }
}
