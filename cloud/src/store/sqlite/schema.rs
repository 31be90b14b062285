//! The hub's own tables: made once, or brought here by the steps of a ladder.

use std::path::Path;

use guitai_store::{StoreError, note};
use rusqlite::{Connection, TransactionBehavior};

/// The version of [`SCHEMA`]: the last step of the [`LADDER`].
const HUB_SCHEMA: &[u8] = b"7";

/// Each step takes a file from the version before; those before the first were never released. Versions have one digit each.
const LADDER: [(&[u8], &str); 4] = [
    (b"3", include_str!("../ladder/4.sql")),
    (b"4", include_str!("../ladder/5.sql")),
    (b"5", include_str!("../ladder/6.sql")),
    (b"6", include_str!("../ladder/7.sql")),
];

const HUB_SCHEMA_NOTE: &str = "hub_schema";

const SCHEMA: &str = include_str!("../schema.sql");

/// Makes the hub's own tables in a new file; another version's file is refused.
pub(super) fn adopt(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    if note::get(connection, HUB_SCHEMA_NOTE)?.as_deref() == Some(HUB_SCHEMA) {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    match note::get(&transaction, HUB_SCHEMA_NOTE)?.as_deref() {
        // Another process was faster.
        Some(HUB_SCHEMA) => {}
        Some(older) if LADDER.iter().any(|(from, _)| *from == older) => {
            for (_, step) in LADDER.iter().filter(|(from, _)| *from >= older) {
                transaction.execute_batch(step)?;
            }
            note::set(&transaction, HUB_SCHEMA_NOTE, HUB_SCHEMA)?;
        }
        Some(other) => {
            let shown = path.display();
            let newer = other > HUB_SCHEMA;
            let why = if newer {
                format!("{shown} was written by a newer version of the hub: update Guitai")
            } else {
                format!(
                    "{shown} was written by a version of the hub that was never released; it cannot be carried over. Keep \
                     the folder, and set the hub up anew with an empty one"
                )
            };
            return Err(StoreError::ForeignFile(why));
        }
        None => {
            transaction.execute_batch(SCHEMA)?;
            note::set(&transaction, HUB_SCHEMA_NOTE, HUB_SCHEMA)?;
        }
    }
    Ok(transaction.commit()?)
}
