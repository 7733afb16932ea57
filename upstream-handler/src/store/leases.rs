//! One running change per application.
//!
//! A lease is a row with a holder, a heartbeat and an epoch that grows with every holder. A change
//! proves in its own transaction that the epoch is still its own; a holder that was thought dead and
//! was not can therefore change nothing.

use std::time::Duration;

use sqlx::FromRow;

use super::{Store, StoreError, Tx, failed, now_ms};

/// How often a holder says that it lives.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(3);
/// A holder that has been silent for longer is dead, in milliseconds.
const DEAD_AFTER_MS: i64 = 15_000;

/// Proof of holding an application's lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fence {
    /// The application.
    pub app_id: String,
    /// The holder's number.
    pub epoch: i64,
}

/// Who holds a lease.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct Holder {
    /// What for.
    pub purpose: String,
    #[sqlx(rename = "holder")]
    boot_id: String,
    epoch: i64,
    heartbeat_ms: i64,
}

impl Store {
    /// Takes the lease of `app_id` for `boot_id`, over a dead holder's body if need be.
    ///
    /// `Err` inside is the live holder.
    pub(crate) async fn take_lease(
        &self,
        app_id: &str,
        purpose: &str,
        boot_id: &str,
    ) -> Result<Result<Fence, Holder>, StoreError> {
        let mut tx = self.begin().await?;
        let row: Option<Holder> = sqlx::query_as(
            "SELECT purpose, holder, epoch, heartbeat_ms FROM lease WHERE app_id = ?",
        )
        .bind(app_id)
        .fetch_optional(&mut *tx)
        .await
        .map_err(failed("read a lease"))?;
        let now = now_ms();
        let epoch = match row {
            // A holder of this very process left it behind by a panic: its guard is gone.
            Some(row)
                if !row.boot_id.is_empty()
                    && row.boot_id != boot_id
                    && now.saturating_sub(row.heartbeat_ms) < DEAD_AFTER_MS =>
            {
                return Ok(Err(row));
            }
            Some(row) => row.epoch + 1,
            None => 1,
        };
        sqlx::query(
            "INSERT INTO lease (app_id, purpose, holder, epoch, heartbeat_ms)
             VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (app_id) DO UPDATE SET purpose = excluded.purpose,
                 holder = excluded.holder, epoch = excluded.epoch,
                 heartbeat_ms = excluded.heartbeat_ms",
        )
        .bind(app_id)
        .bind(purpose)
        .bind(boot_id)
        .bind(epoch)
        .bind(now)
        .execute(&mut *tx)
        .await
        .map_err(failed("take a lease"))?;
        Self::commit(tx).await?;
        Ok(Ok(Fence { app_id: app_id.to_owned(), epoch }))
    }

    /// Says that the holder of `fence` lives, and touches its running task so that it stays visible.
    pub(crate) async fn heartbeat(&self, fence: &Fence, task: &str) -> Result<(), StoreError> {
        let now = now_ms();
        let mut tx = self.begin().await?;
        sqlx::query("UPDATE lease SET heartbeat_ms = ? WHERE app_id = ? AND epoch = ?")
            .bind(now)
            .bind(&fence.app_id)
            .bind(fence.epoch)
            .execute(&mut *tx)
            .await
            .map_err(failed("store a heartbeat"))?;
        sqlx::query("UPDATE task SET touched_ms = ? WHERE id = ? AND status = 'running'")
            .bind(now)
            .bind(task)
            .execute(&mut *tx)
            .await
            .map_err(failed("store a heartbeat"))?;
        Self::commit(tx).await
    }

    /// Gives a lease back. The row stays: its epoch must never repeat.
    pub(crate) async fn release_lease(&self, fence: &Fence) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query("UPDATE lease SET holder = '', purpose = '' WHERE app_id = ? AND epoch = ?")
            .bind(&fence.app_id)
            .bind(fence.epoch)
            .execute(&mut *tx)
            .await
            .map_err(failed("give a lease back"))?;
        Self::commit(tx).await
    }

    /// Takes every lease from processes before this one. Only for a process that owns the state
    /// folder alone.
    pub(crate) async fn bury_holders(&self) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query("UPDATE lease SET holder = '', purpose = '' WHERE holder <> ''")
            .execute(&mut *tx)
            .await
            .map_err(failed("take leases from a stopped server"))?;
        Self::commit(tx).await
    }
}

/// Fails unless `fence` still holds, inside the transaction that makes the change.
pub(crate) async fn check_fence(tx: &mut Tx, fence: &Fence) -> Result<(), StoreError> {
    let epoch: Option<i64> =
        sqlx::query_scalar("SELECT epoch FROM lease WHERE app_id = ? AND holder <> ''")
            .bind(&fence.app_id)
            .fetch_optional(&mut **tx)
            .await
            .map_err(failed("check a lease"))?;
    if epoch == Some(fence.epoch) {
        Ok(())
    } else {
        Err(StoreError::LeaseLost { app_id: fence.app_id.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn age(store: &Store, by_ms: i64) {
        let mut tx = store.begin().await.expect("a write");
        sqlx::query("UPDATE lease SET heartbeat_ms = heartbeat_ms - ?")
            .bind(by_ms)
            .execute(&mut *tx)
            .await
            .expect("an update");
        Store::commit(tx).await.expect("a commit");
    }

    async fn holds(store: &Store, fence: &Fence) -> bool {
        let mut tx = store.begin().await.expect("a write");
        check_fence(&mut tx, fence).await.is_ok()
    }

    #[tokio::test]
    async fn a_dead_holder_is_taken_over_and_can_change_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).await.expect("a store");
        let take = async |boot: &str| store.take_lease("app", "a change", boot).await;
        let first = take("boot-1").await.expect("an answer").expect("the lease");
        assert!(holds(&store, &first).await);
        let holder = take("boot-2").await.expect("an answer").expect_err("a live holder");
        assert_eq!(holder.purpose, "a change");

        age(&store, DEAD_AFTER_MS - 1000).await;
        store.heartbeat(&first, "no task").await.expect("a heartbeat");
        age(&store, DEAD_AFTER_MS - 1000).await;
        assert!(take("boot-2").await.expect("an answer").is_err(), "it said that it lives");

        age(&store, 2000).await;
        let second = take("boot-2").await.expect("an answer").expect("the lease");
        assert_eq!((first.epoch, second.epoch), (1, 2));
        assert!(!holds(&store, &first).await);
        assert!(holds(&store, &second).await);
        // a late release of the first does not end the second
        store.release_lease(&first).await.expect("a release");
        assert!(holds(&store, &second).await);
        store.release_lease(&second).await.expect("a release");
        assert!(!holds(&store, &second).await);
        let third = take("boot-1").await.expect("an answer").expect("the lease");
        assert_eq!(third.epoch, 3);
    }
}
