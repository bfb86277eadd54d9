//! A panic in one part of the service becomes an error of that part, so that the service and its other parts go on.

use anyhow::anyhow;
use futures_util::FutureExt;
use std::any::Any;
use std::panic::AssertUnwindSafe;

/// The result of a part of the service. What a panic leaves half done is undone as after a crash: a transaction is rolled back, a file
/// without its final name is ignored.
///
/// # Errors
/// The part returned an error or panicked; the error of a panic contains its message.
pub(crate) fn guarded<'a, T>(part: impl Future<Output = anyhow::Result<T>> + 'a) -> impl Future<Output = anyhow::Result<T>> + 'a {
    // a run is a large future, and parts lie within parts: on the stack their sizes would add up
    let part = AssertUnwindSafe(Box::pin(part)).catch_unwind();
    async { part.await.unwrap_or_else(|panic| Err(anyhow!("panicked: {}", message(&*panic)))) }
}

/// The message of a panic.
pub(crate) fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_becomes_an_error_with_its_message() {
        async fn part(fails: bool, panics: Option<u32>) -> anyhow::Result<u32> {
            anyhow::ensure!(!fails, "it failed");
            Ok(panics.expect("a number"))
        }
        assert_eq!(guarded(part(false, Some(7))).await.unwrap(), 7);
        assert_eq!(guarded(part(true, None)).await.unwrap_err().to_string(), "it failed");
        assert_eq!(guarded(part(false, None)).await.unwrap_err().to_string(), "panicked: a number");
    }
}
