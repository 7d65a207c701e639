//! What is known of values where a condition holds, and where it does not.

use super::value::{Place, Value};

/// Which places are not none.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) when_true: Vec<Place>,
    pub(super) when_false: Vec<Place>,
}

/// What looking at an expression tells: where its value comes from, and what follows if it is true.
#[derive(Debug, Default)]
pub(super) struct Seen<'w> {
    pub(super) value: Value<'w>,
    pub(super) facts: Facts,
}

impl Facts {
    pub(super) fn when_true(places: Vec<Place>) -> Self {
        Self {
            when_true: places,
            when_false: Vec::new(),
        }
    }

    pub(super) fn negated(self) -> Self {
        Self {
            when_true: self.when_false,
            when_false: self.when_true,
        }
    }

    /// Of an expression that is true or false.
    pub(super) fn seen<'w>(self) -> Seen<'w> {
        Seen {
            value: Value::default(),
            facts: self,
        }
    }
}

impl<'w> Value<'w> {
    /// Of a value that is read: if it is true, it is not none.
    pub(super) fn seen(self) -> Seen<'w> {
        Seen {
            facts: Facts::when_true(self.known_place()),
            value: self,
        }
    }

    /// Of a value that is true or not for other reasons.
    pub(super) fn computed(self) -> Seen<'w> {
        Seen {
            value: self,
            facts: Facts::default(),
        }
    }

    /// By which name it is reached. Of one that may be reached by several, nothing can be said of any.
    pub(super) fn known_place(&self) -> Vec<Place> {
        let mut places = self.origins.iter().map(|origin| origin.place.as_ref());
        let Some(Some(first)) = places.next() else {
            return Vec::new();
        };
        let is_same = places.all(|place| place == Some(first));
        is_same.then(|| first.clone()).into_iter().collect()
    }

    /// What has it as a field, directly or not.
    pub(super) fn places_above(&self) -> Vec<Place> {
        let mut above = Vec::new();
        for Place { binding, fields } in self.known_place() {
            let least = usize::from(binding == super::value::INPUTS);
            above.extend((least..fields.len()).map(|length| Place {
                binding,
                fields: fields[..length].to_vec(),
            }));
        }
        above
    }
}
