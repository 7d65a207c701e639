pub(crate) fn add(_: &mut crate::Start) {}
