//! Waiting for something with a deadline, never for a fixed time.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// How often is looked.
const POLL: Duration = Duration::from_millis(20);

/// Looks again and again until `probe` finds something. An error of the probe counts as not yet; the last one is told.
///
/// # Errors
/// Nothing was found within `limit`.
pub async fn until<T>(
    what: &str,
    limit: Duration,
    mut probe: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let begun = Instant::now();
    loop {
        let failed = match probe().await {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => None,
            Err(error) => Some(error),
        };
        if begun.elapsed() >= limit {
            let late = format!("waited {limit:?} for {what}");
            match failed {
                Some(error) => return Err(error).context(late),
                None => bail!(late),
            }
        }
        tokio::time::sleep(POLL).await;
    }
}
