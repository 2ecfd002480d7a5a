//! Names of models: what services list, which of them make pictures, and which is taken where the owner names none.

mod choice;
mod list;
mod order;
pub mod retired;

pub(crate) use choice::ModelChoice;
pub use list::{ModelsError, first_image_capable, list};
pub(crate) use list::{is_list, listing};
pub use order::order;
