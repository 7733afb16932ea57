//! Sessions (`/api/v1/login`, `/api/v1/login/info`).

use serde::{Deserialize, Serialize};

/// `POST /api/v1/login`.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LoginRequest {
    /// The console's password.
    pub password: String,
}

/// `GET /api/v1/login/info`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LoginInfo {
    /// `shared-password` or `identity-service`.
    pub method: String,
    /// Why no method works.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}
