#[derive(Clone)] pub(crate) struct Punctuation(pub(crate) &'static str);
