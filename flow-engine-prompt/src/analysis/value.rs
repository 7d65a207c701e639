//! What is known of a value in a template: where in the inputs it comes from.

use crate::requirement::Segment;

/// What an expression gives: each place in the inputs that it may come from. None are known of what is computed, and
/// nothing is asked of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Value<'w> {
    pub(super) origins: Vec<Origin<'w>>,
    /// Of a list, the fields of its items that are not none; no field is the item itself.
    pub(super) sure_of_items: Vec<Vec<String>>,
}

/// A place in an input.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Origin<'w> {
    pub(super) input: &'w str,
    pub(super) path: Vec<Segment>,
    /// What the template says for it.
    pub(super) text: String,
    /// By which name the template reaches it; without one, nothing can be learnt of it from a condition.
    pub(super) place: Option<Place>,
}

/// The binding of all inputs, of which each is a field.
pub(super) const INPUTS: usize = 0;

/// A variable, or a field of one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place {
    /// The number of the variable's definition.
    pub(super) binding: usize,
    pub(super) fields: Vec<String>,
}

impl<'w> Value<'w> {
    pub(super) fn of_input(name: &'w str) -> Self {
        let origin = Origin {
            input: name,
            path: Vec::new(),
            text: name.to_owned(),
            place: Some(Place {
                binding: INPUTS,
                fields: vec![name.to_owned()],
            }),
        };
        Self {
            origins: vec![origin],
            sure_of_items: Vec::new(),
        }
    }

    /// The same value, known not to be none.
    pub(super) fn present(mut self) -> Self {
        for origin in &mut self.origins {
            origin.present();
        }
        self
    }

    /// One of both.
    pub(super) fn or(mut self, other: Self) -> Self {
        self.sure_of_items
            .retain(|sure| other.sure_of_items.contains(sure));
        for origin in other.origins {
            if !self.origins.contains(&origin) {
                self.origins.push(origin);
            }
        }
        self
    }

    /// What a loop over it gives, or a filter such as `first`. A loop over none has no items.
    pub(super) fn item(self) -> Self {
        let mut items = self.present();
        items.sure_of_items.clear();
        for origin in &mut items.origins {
            origin.path.push(Segment::Item);
            origin.place = None;
        }
        items
    }

    /// The value under a name of its own.
    pub(super) fn bound(mut self, binding: usize, name: &str) -> Self {
        for origin in &mut self.origins {
            name.clone_into(&mut origin.text);
            origin.place = Some(Place {
                binding,
                fields: Vec::new(),
            });
        }
        self
    }
}

impl Origin<'_> {
    pub(super) fn present(&mut self) {
        if self.path.last() != Some(&Segment::Present) {
            self.path.push(Segment::Present);
        }
    }

    /// Steps into a field or an item.
    pub(super) fn step(&mut self, segment: Segment, text: String) {
        self.text = text;
        match (&mut self.place, &segment) {
            (Some(place), Segment::Field(name)) => place.fields.push(name.clone()),
            _ => self.place = None,
        }
        self.path.push(segment);
    }
}
