//! Which trees may be in place at the target: the one that was carried out last, and those of every
//! attempt since. What an attempt that failed put there is removed with the rest.

use super::{Store, StoreError, Tx, failed};

impl Store {
    /// Digests of the trees that may be in place, oldest attempt first.
    pub(crate) async fn applied(&self, app_id: &str) -> Result<Vec<String>, StoreError> {
        sqlx::query_scalar("SELECT tree_sha256 FROM applied WHERE app_id = ? ORDER BY attempt")
            .bind(app_id)
            .fetch_all(self.reader())
            .await
            .map_err(failed("read what may be deployed"))
    }
}

/// Notes that a tree is about to be put in place.
pub(crate) async fn begin_apply(tx: &mut Tx, app_id: &str, tree: &str) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT OR REPLACE INTO applied (app_id, tree_sha256, attempt)
         VALUES (?, ?, (SELECT coalesce(max(attempt), 0) + 1 FROM applied))",
    )
    .bind(app_id)
    .bind(tree)
    .execute(&mut **tx)
    .await
    .map_err(failed("store what is about to be deployed"))?;
    Ok(())
}

/// Notes that a tree is in place and nothing else.
pub(crate) async fn end_apply(tx: &mut Tx, app_id: &str, tree: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM applied WHERE app_id = ? AND tree_sha256 <> ?")
        .bind(app_id)
        .bind(tree)
        .execute(&mut **tx)
        .await
        .map_err(failed("store what is deployed"))?;
    Ok(())
}
