//! From a command and its message to the request of a job: which pictures are meant, and what is missing.

use std::time::Duration;

use crate::{
    command::{Command, Feature, OutputWish, Tier, Verb},
    error::UserError,
    job::ledger::StoredRequest,
    message::{Message, PictureLocator, PictureOrigin, PictureRef},
    ports::{Adapter, Output},
    prompt::Preset,
};

/// How long a member's earlier picture message counts as meant (phones cannot send picture and words together).
const RECENT: Duration = Duration::from_secs(120);

/// A request, and the pictures whose bytes came along.
#[derive(Debug)]
pub struct Drafted {
    /// What the ledger keeps of it.
    pub request: StoredRequest,
    /// The pictures in their order, where some of them can't be kept there; else empty.
    pub inline: Vec<PictureRef>,
}

/// Drafts the request of a job. `takes_pictures` = the chain has somebody who could use one; a picture that was only
/// perhaps meant is not looked for otherwise.
///
/// # Errors
/// The hint for what is missing: words, or a picture.
pub(super) fn draft(
    command: &Command,
    preset: Option<&Preset>,
    message: &Message,
    adapter: &dyn Adapter,
    takes_pictures: bool,
) -> Result<Drafted, UserError> {
    let feature = feature_of(command, preset);
    let (edits, clip) = (feature == Feature::Edit, feature == Feature::Video);
    let mut pictures = message.pictures.clone();
    // In a drawing, a mention is a reference where somebody takes references, and else only a mention.
    if edits || clip || takes_pictures {
        let avatars = message.mentions.iter().filter_map(|user| adapter.avatar(&message.chat.account, user));
        pictures.extend(avatars);
    }
    let may_fall_back = (edits || clip && takes_pictures) && pictures.is_empty();
    let fallback = if may_fall_back { fallback(preset, message, adapter) } else { Vec::new() };
    let no_picture = pictures.is_empty() && fallback.is_empty() && message.quote.is_none();
    if edits && no_picture {
        return Err(UserError::new("error-needs-picture", "E-NEEDS-PICTURE"));
    }
    let wordless = match preset {
        None => true,
        Some(preset) => preset.needs_words() && no_picture,
    };
    if !edits && command.prompt.is_empty() && wordless {
        let missing = if clip { "error-needs-clip-prompt" } else { "error-needs-prompt" };
        return Err(UserError::new(missing, "E-NEEDS-PROMPT"));
    }
    let recordable = |picture: &PictureRef| {
        !matches!(picture.locator, PictureLocator::Inline(_) | PictureLocator::File(_))
    };
    let inline = if pictures.iter().all(recordable) { Vec::new() } else { pictures.clone() };
    pictures.retain(recordable);
    let Output { size, ratio, tier } = output_of(&command.output);
    Ok(Drafted {
        request: StoredRequest {
            chat: message.chat.clone(),
            user: message.sender.id.clone(),
            message: message.id.clone(),
            feature: match feature {
                Feature::Draw => "draw",
                Feature::Edit => "edit",
                Feature::Video => "video",
            }
            .to_owned(),
            prompt: command.prompt.clone(),
            preset: preset.map(|preset| preset.name.clone()),
            provider: command.provider.clone(),
            size,
            ratio,
            tier,
            count: if clip { 1 } else { command.count },
            pictures,
            fallback,
            quote: message.quote.clone(),
            had_inline: !inline.is_empty(),
            tickets: None,
        },
        inline,
    })
}

/// What a command asks for: its preset's feature, else its verb's.
pub(super) fn feature_of(command: &Command, preset: Option<&Preset>) -> Feature {
    match (command.verb, preset) {
        (_, Some(preset)) => preset.feature,
        (Verb::Edit, None) => Feature::Edit,
        (Verb::Video, None) => Feature::Video,
        _ => Feature::Draw,
    }
}

/// What is used when an edit or a clip has no picture: the member's last picture message in the chat, else, for presets that
/// allow it, their avatar.
fn fallback(preset: Option<&Preset>, message: &Message, adapter: &dyn Adapter) -> Vec<PictureRef> {
    let mut recent = adapter.recent_pictures(&message.chat, &message.sender.id, RECENT);
    for picture in &mut recent {
        picture.origin = PictureOrigin::Recent;
    }
    if recent.is_empty() && preset.is_some_and(|preset| preset.avatar) {
        recent.extend(adapter.avatar(&message.chat.account, &message.sender.id));
    }
    recent
}

/// A wish as the ports spell it.
pub fn output_of(wish: &OutputWish) -> Output {
    Output {
        size: wish.size,
        ratio: wish.ratio.map(|ratio| (ratio.width.into(), ratio.height.into())),
        tier: wish.tier.map(|tier| match tier {
            Tier::K1 => 1,
            Tier::K2 => 2,
            Tier::K4 => 4,
        }),
    }
}
