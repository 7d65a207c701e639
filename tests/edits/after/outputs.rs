pub(crate) const ANSWERS: [crate::model::Answer; 0] = [];
