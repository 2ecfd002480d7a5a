//! Pictures under an address that a service can reach, for services that fetch references instead of taking their bytes.

use async_trait::async_trait;

use crate::{media::Picture, ports::StoreError};

/// Serves pictures to the world for a short time.
#[async_trait]
pub trait PublishMedia: Send + Sync {
    /// Puts a picture under a public address that nobody can guess. It is there until the returned value is dropped, and
    /// at most for an hour.
    ///
    /// # Errors
    /// When it can't be served.
    async fn publish(&self, picture: &Picture) -> Result<Published, StoreError>;
}

/// A picture that the world can fetch; dropped, it can't any more.
pub struct Published {
    /// Its address, `https://` where the owner has it.
    pub url: String,
    /// Whatever ends it when it is dropped.
    pub keep: Box<dyn Send + Sync>,
}

impl std::fmt::Debug for Published {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The address is as good as the picture.
        f.write_str("Published")
    }
}
