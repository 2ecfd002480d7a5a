//! Whether a provider can and may be asked for something: decided before it is asked.

use std::collections::HashSet;

use tokio::time::Instant;

use super::Link;
use crate::{
    error::ErrorClass,
    ports::{GenerateRequest, Operation, Output},
};

/// Why a provider was passed over without being asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// It takes no reference images.
    NoEdit,
    /// It could edit if it could fetch the references from a public address, and easel has none.
    NoPublicUrl,
    /// It makes no clips.
    NoClip,
    /// It takes fewer reference images.
    TooManyReferences {
        /// At most this many.
        max: usize,
    },
    /// It makes no pictures from words alone.
    NoGenerate,
    /// It makes no pictures of the wished size.
    TooLarge {
        /// At most this tier (K).
        tier: u8,
    },
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
        Operation::Edit if !capabilities.edit => return Err(Skip::NoEdit),
        Operation::Generate if !capabilities.generate => return Err(Skip::NoGenerate),
        _ => {}
    }
    if request.references.len() > capabilities.max_references {
        return Err(Skip::TooManyReferences { max: capabilities.max_references });
    }
    if let Some(tier) = capabilities.max_tier
        && wished_tier(&link.output_for(&request.output)) > tier
    {
        return Err(Skip::TooLarge { tier });
    }
    let now = Instant::now();
    slot.with(|state| {
        if state.not_found.get(&request.operation).is_some_and(|until| *until > now) {
            return Err(Skip::NotFound);
        }
        if capabilities.needs_key && state.keys.pick(now, &HashSet::new()).is_none() {
            return Err(Skip::NoUsableKey { why: state.keys.complaint() });
        }
        if state.circuit.admits(now) { Ok(()) } else { Err(Skip::CircuitOpen) }
    })
}

/// The tier that a wish needs: what was named, or the one that the longer side reaches into.
fn wished_tier(output: &Output) -> u8 {
    if let Some(tier) = output.tier {
        return tier;
    }
    match output.size.map_or(0, |(width, height)| width.max(height)) {
        // Wide formats of the first tier reach beyond 1024 on their longer side.
        0..=1792 => 1,
        1793..=2752 => 2,
        _ => 4,
    }
}
