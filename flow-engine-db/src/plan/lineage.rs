//! [`Lineage`]: what is remembered of the runs above a run.

use std::collections::HashMap;

use uuid::Uuid;

use crate::NewRun;

/// Which runs stand above each run, as far as this process started them: it says which steps the
/// end of a run closes, or its reopening.
#[derive(Debug, Default)]
pub(crate) struct Lineage(HashMap<Uuid, Above>);

#[derive(Debug, Clone, Copy)]
struct Above {
    parent: Option<Uuid>,
    root: Uuid,
}

impl Lineage {
    /// Runs that end elsewhere, or never, are forgotten together with all others: what is not known
    /// only costs a second statement.
    const LIMIT: usize = 100_000;
    /// As far up as is looked; what stands higher counts as not known. It ends the search also in a
    /// run that calls itself its parent.
    const HEIGHT: usize = 100;

    pub(super) fn learn(&mut self, run: &NewRun) {
        if self.0.len() >= Self::LIMIT {
            self.0.clear();
        }
        let above = Above {
            parent: run.parent_run_id,
            root: run.root_run_id,
        };
        self.0.insert(run.id, above);
    }

    pub(super) fn forget(&mut self, run: Uuid) {
        self.0.remove(&run);
    }

    /// Whether the end of `ended` may close the steps of `run`: the two are one, or `ended` stands
    /// above, or what stands above is not known.
    pub(super) fn may_close(&self, ended: Uuid, run: Uuid) -> bool {
        let mut current = run;
        for _ in 0..Self::HEIGHT {
            if current == ended {
                return true;
            }
            match self.0.get(&current) {
                Some(above) if above.root == ended => return true,
                Some(Above {
                    parent: Some(parent),
                    ..
                }) => current = *parent,
                Some(Above { parent: None, .. }) => return false,
                None => return true,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_of_runs_has_a_limit() {
        let mut lineage = Lineage::default();
        for run in 0..=Lineage::LIMIT {
            lineage.learn(&NewRun::new(Uuid::from_u128(run as u128), "flow", "{}"));
        }
        assert_eq!(lineage.0.len(), 1);
    }
}
