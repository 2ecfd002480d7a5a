//! Pictures and clips under an address that others can reach: for services that fetch references instead of taking their
//! bytes, and for chat platforms that fetch what is to be shown.

use async_trait::async_trait;

use crate::{media::Body, ports::StoreError};

/// Serves pictures and clips to the world for a short time.
#[async_trait]
pub trait PublishMedia: Send + Sync {
    /// Puts bytes under a public address that nobody can guess and that ends with `.extension`, by which those who fetch
    /// them know what they are (`png`, `mp4`). They are there until the returned value is dropped, and at most for an hour.
    ///
    /// # Errors
    /// When they can't be served.
    async fn publish(&self, body: &Body, extension: &str) -> Result<Published, StoreError>;
}

/// Something that the world can fetch; dropped, it can't any more.
pub struct Published {
    /// Its address, `https://` where the owner has it.
    pub url: String,
    /// Whatever ends it when it is dropped.
    pub keep: Box<dyn Send + Sync>,
}

impl std::fmt::Debug for Published {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The address is as good as what lies there.
        f.write_str("Published")
    }
}
