//! The node's background tasks under one eye. Each has a name; one that ends before the node stops ends the node, since without it
//! the node would look alive and do half its work.

use std::{collections::HashMap, future::Future};

use tokio::task::{Id, JoinError, JoinSet};

/// How long a task lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    /// As long as the node.
    Whole,
    /// Until its work is done.
    Work,
}

/// What runs beside the requests.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    running: JoinSet<()>,
    names: HashMap<Id, (&'static str, Life)>,
}

/// A task ended that must not have.
#[derive(Debug)]
pub(crate) struct Failed {
    name: &'static str,
    panicked: bool,
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let how = if self.panicked { "panicked; see above" } else { "ended before the node was stopped" };
        write!(f, "the task \"{}\" {how}", self.name)
    }
}

impl std::error::Error for Failed {}

impl Tasks {
    /// Runs a task that must go on until the node stops.
    pub(crate) fn keep(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.spawn(name, Life::Whole, task);
    }

    /// Runs a task that ends when its work is done.
    pub(crate) fn finish(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.spawn(name, Life::Work, task);
    }

    fn spawn(&mut self, name: &'static str, life: Life, task: impl Future<Output = ()> + Send + 'static) {
        let id = self.running.spawn(task).id();
        self.names.insert(id, (name, life));
    }

    /// Waits until a task fails: a panic of any, or the end of one that must go on.
    pub(crate) async fn failed(&mut self) -> Failed {
        while let Some((name, life, panicked)) = self.ended().await {
            if panicked || life == Life::Whole {
                return Failed { name, panicked };
            }
        }
        std::future::pending().await
    }

    /// Waits, once the node stops, for the end of the task of this name; others may end meanwhile.
    pub(crate) async fn stopped(&mut self, name: &'static str) {
        while self.names.values().any(|(running, _)| *running == name) {
            match self.ended().await {
                Some((name, _, true)) => tracing::error!(task = name, "a task panicked; see above"),
                Some((_, _, false)) => {}
                None => return,
            }
        }
    }

    /// The next task that ends, and whether by a panic.
    async fn ended(&mut self) -> Option<(&'static str, Life, bool)> {
        let ended = self.running.join_next_with_id().await?;
        let (id, panicked) = match &ended {
            Ok((id, ())) => (*id, false),
            Err(error) => (JoinError::id(error), error.is_panic()),
        };
        let (name, life) = self.names.remove(&id)?;
        Some((name, life, panicked))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn an_end_or_a_panic_before_the_stop_is_named() {
        let mut tasks = Tasks::default();
        tasks.finish("short", async {});
        tasks.keep("line", std::future::pending());
        let waited = tokio::time::timeout(Duration::from_millis(50), tasks.failed()).await;
        assert!(waited.is_err(), "work that is done is no failure");
        tasks.keep("pages", async {});
        assert_eq!(tasks.failed().await.to_string(), "the task \"pages\" ended before the node was stopped");
        tasks.finish("time", async { panic!("as a bug would") });
        assert_eq!(tasks.failed().await.to_string(), "the task \"time\" panicked; see above");
    }

    #[tokio::test]
    async fn a_stop_waits_for_the_one_it_names() {
        let mut tasks = Tasks::default();
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        tasks.keep("web", async move { drop(ended.await) });
        tasks.keep("line", std::future::pending());
        let waiting = tokio::time::timeout(Duration::from_millis(50), tasks.stopped("web")).await;
        assert!(waiting.is_err());
        drop(end);
        tasks.stopped("web").await;
        tasks.stopped("web").await;
    }
}
