//! How the tests of this crate write down a mistake: `line:column^width message`.

use crate::diagnostic::Diagnostic;
use crate::prompt_file::parse;

/// The mistakes in `source`, from parsing or else from checking.
pub(crate) fn mistakes(source: &str, inputs: &[&str]) -> Vec<String> {
    let diagnostics = match parse("p.md", source) {
        Ok(file) => file.check(inputs).diagnostics,
        Err(diagnostics) => diagnostics,
    };
    diagnostics.iter().map(short).collect()
}

/// The one mistake in `source`.
pub(crate) fn mistake(source: &str, inputs: &[&str]) -> String {
    let mut mistakes = mistakes(source, inputs);
    assert_eq!(mistakes.len(), 1, "{mistakes:#?}");
    mistakes.remove(0)
}

/// `line:column^width message`
pub(crate) fn short(diagnostic: &Diagnostic) -> String {
    let carets = diagnostic.location.snippet.matches('^').count();
    format!(
        "{}:{}^{carets} {}",
        diagnostic.location.line, diagnostic.location.column, diagnostic.message
    )
}
