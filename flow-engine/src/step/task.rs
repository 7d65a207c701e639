//! The user's code, as the engine runs it.

use std::future::Future;

use futures::{FutureExt, TryFutureExt};

use crate::call::Body;
use crate::error::BoxError;

/// Code that cannot fail.
pub fn infallible<T: Send + 'static>(code: impl Future<Output = T> + Send + 'static) -> Body<T> {
    code.map(Ok).boxed()
}

/// Code that returns a `Result`, of any error that can be boxed.
pub fn fallible<T: Send + 'static, E: Into<BoxError> + 'static>(
    code: impl Future<Output = Result<T, E>> + Send + 'static,
) -> Body<T> {
    code.map_err(Into::into).boxed()
}
