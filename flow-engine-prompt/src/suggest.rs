//! The nearest right name for a wrong one, in the words that all messages of flow-engine use.

/// The candidate a typo away from `name`, if there is one. Of equally near ones the first wins.
///
/// A typo is a letter too many, too few, wrong, or swapped with its neighbour; upper and lower case are one. A name
/// may have one typo for every three of its letters, and at least one.
///
/// ```
/// use flow_engine_prompt::suggest::nearest;
///
/// assert_eq!(nearest("contnet", ["context", "content"]), Some("content"));
/// assert_eq!(nearest("audience", ["content"]), None);
/// ```
pub fn nearest<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let wanted = name.to_lowercase();
    // Of short names less may be wrong: `id` is no misspelling of `of`.
    let allowed = name.chars().count().max(3) / 3;
    candidates
        .into_iter()
        .map(|candidate| {
            (
                strsim::osa_distance(&wanted, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The end of a message about a wrong name: ``; did you mean `content`?`` with the [`nearest`] candidate, or
/// nothing if none is near.
pub fn did_you_mean<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> String {
    nearest(name, candidates)
        .map(|right| format!("; did you mean `{right}`?"))
        .unwrap_or_default()
}

/// The names as messages list them: `` `a`, `b`, `c` ``.
pub fn list<'c>(names: impl IntoIterator<Item = &'c str>) -> String {
    names
        .into_iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests;
