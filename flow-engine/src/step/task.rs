//! The user's code, as the engine runs it.

use std::future::Future;

use futures::{FutureExt, TryFutureExt};

use crate::call::Work;
use crate::error::BoxError;
use crate::output::Erased;

/// Code that cannot fail.
pub fn infallible<T: Send + 'static>(code: impl Future<Output = T> + Send + 'static) -> Work<T> {
    Work::code(code.map(|output| Ok(Erased::new(output))).boxed())
}

/// What the error of a step or a flow must be: one that can be boxed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a step or a flow",
    label = "this error cannot be reported",
    note = "implement `std::error::Error` for `{Self}`, or return `flow_engine::Result`, which takes every error by `?`"
)]
pub trait ErrorType: Into<BoxError> + 'static {}

#[diagnostic::do_not_recommend]
impl<E: Into<BoxError> + 'static> ErrorType for E {}

/// Code that returns a `Result`, of any error that can be boxed.
pub fn fallible<T: Send + 'static, E: ErrorType>(
    code: impl Future<Output = Result<T, E>> + Send + 'static,
) -> Work<T> {
    Work::code(code.map_ok(Erased::new).map_err(Into::into).boxed())
}
