//! A person whose password, role or standing changed is signed out at once. Sessions are in memory, so the cursor is too.

use std::sync::Arc;

use guitai_core::{journal::fact::Fact, people};

use super::following::Following;
use crate::app::App;

/// The follower's name.
pub(super) const NAME: &str = "sessions";

pub(super) async fn follow(app: Arc<App>, mut following: Following) {
    while let Some(news) = following.next().await {
        if news.healed {
            // Accounts of the history that came back may be others than those people logged in with.
            let ended = app.sessions.end_all();
            tracing::info!(ended, "accounts may have changed: everybody signs in again");
        }
        for one in &news.facts {
            if let Fact::People(people::Fact::AccountSet(set)) = &one.fact {
                let ended = app.sessions.end_account(&set.account);
                if ended > 0 {
                    tracing::info!(account = %set.account, ended, "the account changed: its sessions are over");
                }
            }
        }
        following.done(news.upto).await;
    }
}
