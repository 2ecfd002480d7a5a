//! The traits through which the core reaches the world. `dyn` here, no generics across crates.

mod adapter;
mod clock;
mod image_provider;
mod store;

pub use adapter::{
    Adapter, AdapterCapabilities, AdapterError, DownloadError, Inbox, PictureSource, SendError, SendFailure,
};
pub use clock::{Clock, SystemClock};
pub use image_provider::{
    ApiKey, CallContext, Capabilities, Generated, GeneratedPicture, ImageProvider, ImageRequest, Operation,
    Output, Reference,
};
pub use store::{Blobs, Durable, KeyValue, Ledger, Store, StoreError};
