//! Whether a provider can and may be asked for something: decided before it is asked, and what may have changed while its
//! turn was waited for once more after that.

use std::collections::HashSet;

use tokio::time::Instant;

use super::{
    Link,
    slot::{ProviderSlot, SlotState},
};
use crate::{
    error::ErrorClass,
    ports::{GenerateRequest, Operation, Output, Shapes, Unfit},
};

/// Why a provider was passed over without being asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Skip {
    /// It takes no reference images.
    NoEdit,
    /// It could edit if it could fetch the references from a public address, and easel has none.
    NoPublicUrl,
    /// It makes no clips.
    NoClip,
    /// It makes clips from a picture only, and there is none.
    NoPicture,
    /// It makes clips from words only, and there are pictures.
    WordsOnly,
    /// It takes fewer reference images.
    TooManyReferences {
        /// At most this many.
        max: usize,
    },
    /// It makes no pictures of the wished shape.
    WrongShape {
        /// Those that it can be asked for.
        shapes: Shapes,
    },
    /// It takes fewer reference images, and they could not be put together.
    NoCollage,
    /// It makes no pictures at all.
    NoGenerate,
    /// It only changes pictures, and there is none.
    EditsOnly,
    /// It makes no pictures of the wished size.
    TooLarge {
        /// At most this tier (K).
        tier: u8,
    },
    /// It refused every size before that the wish can be asked as.
    SizesRefused,
    /// It needs a key and has none that is usable now.
    NoUsableKey {
        /// What the keys suffer from: `rate`, `quota` or `auth`.
        why: ErrorClass,
    },
    /// Its circuit is open.
    CircuitOpen,
    /// Its model or route was missing a moment ago.
    NotFound,
}

impl From<Unfit> for Skip {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::TooManyReferences { max } => Self::TooManyReferences { max },
            Unfit::NeedsReference => Self::EditsOnly,
            Unfit::SizesRefused => Self::SizesRefused,
        }
    }
}

/// Whether a provider can and may be asked for this.
pub(super) fn admit(link: &Link, request: &GenerateRequest) -> Result<(), Skip> {
    let slot = &link.slot;
    let capabilities = slot.provider.capabilities();
    match request.operation {
        Operation::Edit | Operation::Clip
            if capabilities.needs_public_url && !request.references.is_empty() =>
        {
            return Err(Skip::NoPublicUrl);
        }
        Operation::Clip if !capabilities.clip => return Err(Skip::NoClip),
        Operation::Clip if capabilities.clip_needs_picture && request.references.is_empty() => {
            return Err(Skip::NoPicture);
        }
        Operation::Clip if capabilities.max_references == 0 && !request.references.is_empty() => {
            return Err(Skip::WordsOnly);
        }
        Operation::Edit if !capabilities.edit => return Err(Skip::NoEdit),
        Operation::Generate if !capabilities.generate => {
            return Err(if capabilities.edit { Skip::EditsOnly } else { Skip::NoGenerate });
        }
        _ => {}
    }
    let together = link.collage && request.operation == Operation::Edit && capabilities.max_references > 0;
    if request.references.len() > capabilities.max_references && !together {
        return Err(Skip::TooManyReferences { max: capabilities.max_references });
    }
    // What a person wishes must be met; an owner's default is only a default.
    if let Some(tier) = capabilities.max_tier
        && request.output.wished_tier().is_some_and(|wished| wished > tier)
    {
        return Err(Skip::TooLarge { tier });
    }
    let given =
        request.references.iter().map(|reference| (reference.picture.width, reference.picture.height));
    if let Some(wished) = shape(&request.output)
        && !capabilities.shapes.meet(wished, given)
    {
        return Err(Skip::WrongShape { shapes: capabilities.shapes });
    }
    slot.with(|state| may_be_asked(slot, state, request.operation, Instant::now()))
}

/// What the last answers of a provider leave to ask of it.
fn may_be_asked(
    slot: &ProviderSlot,
    state: &mut SlotState,
    operation: Operation,
    now: Instant,
) -> Result<(), Skip> {
    if state.not_found.get(&operation).is_some_and(|until| *until > now) {
        return Err(Skip::NotFound);
    }
    if slot.provider.capabilities().needs_key && state.keys.pick(now, &HashSet::new()).is_none() {
        return Err(Skip::NoUsableKey { why: state.keys.complaint() });
    }
    if state.circuit.would_admit(now) { Ok(()) } else { Err(Skip::CircuitOpen) }
}

/// Lets a call through, now that it is its turn. After a rest it is the one that decides.
pub(super) fn let_through(slot: &ProviderSlot, operation: Operation) -> Result<Option<Probe<'_>>, Skip> {
    slot.with(|state| {
        let now = Instant::now();
        may_be_asked(slot, state, operation, now)?;
        state.circuit.admits(now);
        Ok(state.circuit.is_probing().then(|| Probe(slot)))
    })
}

/// The one call after a rest. Dropped before it has said anything about the provider, it leaves that to the next one.
pub(super) struct Probe<'a>(&'a ProviderSlot);

impl Drop for Probe<'_> {
    fn drop(&mut self) {
        self.0.with(|state| state.circuit.unprobed());
    }
}

/// Width to height of what is wished, if that is wished.
fn shape(output: &Output) -> Option<(u32, u32)> {
    output.size.or(output.ratio).filter(|(width, height)| *width > 0 && *height > 0)
}
