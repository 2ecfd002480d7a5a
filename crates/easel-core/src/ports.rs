//! The traits through which the core reaches the world. `dyn` here, no generics across crates.

mod adapter;
mod clock;
mod provider;
mod publish;
mod remote;
mod store;

pub use adapter::{
    Adapter, AdapterCapabilities, AdapterError, DownloadError, Inbox, PictureSource, SendError, SendFailure,
};
pub use clock::{Clock, SystemClock};
pub use provider::{
    ApiKey, CallContext, Capabilities, ClipLimits, GenerateRequest, Generated, GeneratedPicture, Operation,
    Output, Preparation, Provider, Reference, Shapes, Unfit, Usage,
};
pub use publish::{PublishMedia, Published};
pub use remote::{NoTaskLog, RemoteTask, TaskIntent, TaskLog};
pub use store::{Blobs, Durable, KeyValue, Ledger, Store, StoreError};
