//! Has the server bring a release in: what fetching, uploading and installing one have in common.

use std::sync::Arc;

use airgap::Bundle;
use steps::{Failure, Scope, async_trait};
use tokio::time::Instant;

use crate::client::call::CallError;
use crate::client::upload::{Content, Part};
use crate::deploy::plan::AirgapInput;
use crate::deploy::state::{Context, all_lost};

/// A request by which a version comes to be, and how to see that it has.
#[async_trait]
pub(crate) trait Bring: Sync {
    /// The step's sentence for failures.
    const WHAT: &'static str;

    /// Sends the request.
    async fn send(&self, context: &Context, scope: &Scope<'_>) -> Result<(), CallError>;

    /// Whether the version is there, once the server has settled after a lost answer.
    async fn is_there(&self, context: &Context, scope: &Scope<'_>) -> Result<bool, Failure>;

    /// Words a request that was refused.
    fn refused(&self, error: &CallError) -> Failure;
}

/// Sends the request until it is answered, refused, or its effect is seen.
///
/// # Errors
///
/// The refusal, or that every answer was lost until the deadline.
pub(crate) async fn bring<B: Bring>(
    it: &B,
    context: &Context,
    scope: &Scope<'_>,
) -> Result<(), Failure> {
    loop {
        match it.send(context, scope).await {
            Ok(()) => return Ok(()),
            Err(CallError::Ambiguous { .. }) => {
                if it.is_there(context, scope).await? {
                    return Ok(());
                }
            }
            Err(error) => return Err(it.refused(&error)),
        }
        if Instant::now() >= context.deadline {
            return Err(all_lost(B::WHAT));
        }
    }
}

/// The `airgap.yaml` of a bundle as a part.
pub(crate) fn metadata(input: &AirgapInput) -> Part {
    Part {
        name: airgap::AIRGAP_YAML,
        filename: Some(airgap::AIRGAP_YAML),
        content: Content::Bytes(input.check.airgap_yaml.clone().into_bytes()),
    }
}

/// The release of a bundle as the part `name`, read from the bundle while it is sent.
pub(crate) fn release(name: &'static str, input: &AirgapInput) -> Part {
    let (path, check) = (input.path.clone(), input.check.clone());
    Part {
        name,
        filename: Some(airgap::APP_ARCHIVE),
        content: Content::Stream(
            input.check.app_size,
            Arc::new(move || Ok(Box::new(Bundle::open_app(&path, &check)?))),
        ),
    }
}

/// A field that is no file.
pub(crate) fn field(name: &'static str, bytes: Vec<u8>) -> Part {
    Part { name, filename: None, content: Content::Bytes(bytes) }
}
