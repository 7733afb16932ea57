//! Installed applications.

use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use super::leases::{Fence, check_fence};
use super::{Store, StoreError, Tx, failed, now_text};

/// `install_state` of an application that can be updated.
pub(crate) const INSTALLED: &str = "installed";
/// `install_state` while the first release is fetched from the vendor.
pub(crate) const ONLINE_PENDING: &str = "online_upload_pending";
/// `install_state` until the first bundle has come.
pub(crate) const AIRGAP_PENDING: &str = "airgap_upload_pending";

/// An application as it is stored.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct AppRow {
    pub id: String,
    pub slug: String,
    pub name: String,
    pub namespace: String,
    pub is_airgap: bool,
    pub install_state: String,
    pub license: String,
    pub license_id: String,
    pub license_sequence: i64,
    pub selected_channel_id: String,
    pub current_sequence: Option<i64>,
    pub created_at: String,
    pub updated_at: Option<String>,
    pub last_license_sync: Option<String>,
    pub last_update_check_at: Option<String>,
    pub update_checker_spec: String,
    pub auto_deploy: String,
    /// The operator's image registry.
    #[sqlx(flatten)]
    pub registry: StoredRegistry,
}

/// A registry as it is kept: safe on the disk, the password is encrypted.
#[derive(Debug, Clone, Default, PartialEq, Eq, FromRow, Serialize, Deserialize)]
pub(crate) struct StoredRegistry {
    /// `host[:port]`; empty is no registry.
    #[sqlx(rename = "registry_hostname")]
    pub host: String,
    #[sqlx(rename = "registry_namespace")]
    pub namespace: String,
    #[sqlx(rename = "registry_username")]
    pub username: String,
    /// By the server's cipher; empty is none.
    #[sqlx(rename = "registry_password_enc")]
    pub password: String,
    /// Nothing is pushed to it.
    #[sqlx(rename = "registry_is_readonly")]
    #[serde(default)]
    pub is_read_only: bool,
}

/// What is stored of a licence: always what was verified.
#[derive(Debug, Clone)]
pub(crate) struct StoredLicense {
    /// The verified text.
    pub text: String,
    /// Its id.
    pub id: String,
    /// Its sequence.
    pub sequence: i64,
}

impl Store {
    /// All applications, oldest first; pending ones only when asked for.
    pub(crate) async fn apps(&self) -> Result<Vec<AppRow>, StoreError> {
        sqlx::query_as("SELECT * FROM app WHERE install_state = ? ORDER BY created_at, id")
            .bind(INSTALLED)
            .fetch_all(self.reader())
            .await
            .map_err(failed("list the applications"))
    }

    /// One application, pending or not.
    pub(crate) async fn app(&self, slug: &str) -> Result<Option<AppRow>, StoreError> {
        sqlx::query_as("SELECT * FROM app WHERE slug = ?")
            .bind(slug)
            .fetch_optional(self.reader())
            .await
            .map_err(failed("read an application"))
    }

    /// One application by its id.
    pub(crate) async fn app_by_id(&self, id: &str) -> Result<Option<AppRow>, StoreError> {
        sqlx::query_as("SELECT * FROM app WHERE id = ?")
            .bind(id)
            .fetch_optional(self.reader())
            .await
            .map_err(failed("read an application"))
    }

    /// Notes that the licence was compared with the vendor's and is the same.
    pub(crate) async fn touch_license_sync(&self, fence: &Fence) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        check_fence(&mut tx, fence).await?;
        sqlx::query("UPDATE app SET last_license_sync = ? WHERE id = ?")
            .bind(now_text())
            .bind(&fence.app_id)
            .execute(&mut *tx)
            .await
            .map_err(failed("store the time of a licence sync"))?;
        Self::commit(tx).await
    }

    /// Notes that the vendor was asked for updates.
    pub(crate) async fn touch_update_check(&self, app_id: &str) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query("UPDATE app SET last_update_check_at = ? WHERE id = ?")
            .bind(now_text())
            .bind(app_id)
            .execute(&mut *tx)
            .await
            .map_err(failed("store the time of an update check"))?;
        Self::commit(tx).await
    }

    /// Makes an application that has no version yet, or changes a pending one's licence.
    pub(crate) async fn put_pending_app(&self, app: &AppRow) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO app (id, slug, name, namespace, is_airgap, install_state, license,
                 license_id, license_sequence, selected_channel_id, created_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (slug) DO UPDATE SET name = excluded.name,
                 namespace = excluded.namespace, is_airgap = excluded.is_airgap,
                 install_state = excluded.install_state, license = excluded.license,
                 license_id = excluded.license_id, license_sequence = excluded.license_sequence,
                 selected_channel_id = excluded.selected_channel_id
             WHERE app.install_state <> 'installed'",
        )
        .bind(&app.id)
        .bind(&app.slug)
        .bind(&app.name)
        .bind(&app.namespace)
        .bind(app.is_airgap)
        .bind(&app.install_state)
        .bind(&app.license)
        .bind(&app.license_id)
        .bind(app.license_sequence)
        .bind(&app.selected_channel_id)
        .bind(&app.created_at)
        .execute(&mut *tx)
        .await
        .map_err(failed("store an application"))?;
        Self::commit(tx).await
    }
}

/// Stores a verified licence beside the version that is made of it.
pub(crate) async fn put_license(
    tx: &mut Tx,
    app_id: &str,
    license: &StoredLicense,
    channel_id: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE app SET license = ?, license_id = ?, license_sequence = ?,
             selected_channel_id = ?, last_license_sync = ?, updated_at = ? WHERE id = ?",
    )
    .bind(&license.text)
    .bind(&license.id)
    .bind(license.sequence)
    .bind(channel_id)
    .bind(now_text())
    .bind(now_text())
    .bind(app_id)
    .execute(&mut **tx)
    .await
    .map_err(failed("store a licence"))?;
    Ok(())
}

/// Stores the registry beside the version that is rendered with it.
pub(crate) async fn put_registry(
    tx: &mut Tx,
    fence: &Fence,
    registry: &StoredRegistry,
) -> Result<(), StoreError> {
    check_fence(tx, fence).await?;
    sqlx::query(
        "UPDATE app SET registry_hostname = ?, registry_namespace = ?, registry_username = ?,
             registry_password_enc = ?, registry_is_readonly = ?, updated_at = ? WHERE id = ?",
    )
    .bind(&registry.host)
    .bind(&registry.namespace)
    .bind(&registry.username)
    .bind(&registry.password)
    .bind(registry.is_read_only)
    .bind(now_text())
    .bind(&fence.app_id)
    .execute(&mut **tx)
    .await
    .map_err(failed("store a registry"))?;
    Ok(())
}

/// Notes what a new version says of the application and that it is installed.
pub(crate) async fn put_installed(
    tx: &mut Tx,
    app_id: &str,
    name: &str,
    channel_id: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE app SET install_state = ?, name = CASE WHEN ? = '' THEN name ELSE ? END,
             selected_channel_id = ?, updated_at = ? WHERE id = ?",
    )
    .bind(INSTALLED)
    .bind(name)
    .bind(name)
    .bind(channel_id)
    .bind(now_text())
    .bind(app_id)
    .execute(&mut **tx)
    .await
    .map_err(failed("store an application's state"))?;
    Ok(())
}
