//! What a provider is, as configured, and the texts that follow from it alone. Pure.

use easel_core::ports::Shapes;
use easel_providers::Kind;

use super::super::super::services::Origin;
use crate::config::problem::ProblemText;

/// What the configuration needs of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Needs {
    pub(in super::super) draw: bool,
    pub(in super::super) edit: bool,
}

/// Whether a provider's answers come as streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Streaming {
    /// It has no such thing, or none that is known.
    No,
    /// It is asked for whole answers and may know streams as well.
    Possible,
    /// The owner wants streams.
    Configured,
}

/// Whether services of a kind stream where the owner doesn't ask for it.
///
/// Sources: OpenAI API reference, "Create image" (`stream`, GPT image models only) and "Create chat completion";
/// `OpenRouter`, "Image API"; Google, Gemini API, `streamGenerateContent`. Ark is not tried unasked: one of its models
/// refuses the mere field.
pub(in super::super) fn streaming(kind: Kind, model: &str) -> Streaming {
    match kind {
        Kind::OpenAiImages if model.to_ascii_lowercase().contains("gpt-image") => Streaming::Possible,
        Kind::OpenAiChat | Kind::OpenRouterImages | Kind::GeminiNative => Streaming::Possible,
        _ => Streaming::No,
    }
}

/// What a provider is, as configured.
#[expect(clippy::struct_excessive_bools, reason = "independent facts, not a state")]
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Traits<'a> {
    pub(in super::super) name: &'a str,
    pub(in super::super) origin: Origin,
    pub(in super::super) kind: Kind,
    pub(in super::super) model: &'a str,
    pub(in super::super) needs: Needs,
    pub(in super::super) generates: bool,
    pub(in super::super) edits: bool,
    pub(in super::super) clips: bool,
    pub(in super::super) streaming: Streaming,
    pub(in super::super) full_url: bool,
    /// The largest tier that its model makes, where that is known.
    pub(in super::super) max_tier: Option<u8>,
    /// The shapes that its model can be asked for.
    pub(in super::super) shapes: &'a Shapes,
    /// The profile that it names; empty without.
    pub(in super::super) profile: &'a str,
    /// The profile asks for streams.
    pub(in super::super) profile_streams: bool,
    /// The section has fields of its own.
    pub(in super::super) has_extra: bool,
    /// The section's own fields ask for streams.
    pub(in super::super) extra_streams: bool,
}

impl Traits<'_> {
    /// The other way in which gateways offer the same models. An address that is used as it stands has none.
    pub(in super::super) fn twin(&self) -> Option<Kind> {
        match self.kind {
            _ if self.full_url => None,
            Kind::OpenAiImages => Some(Kind::OpenAiChat),
            Kind::OpenAiChat => Some(Kind::OpenAiImages),
            _ => None,
        }
    }

    pub(super) fn place(&self) -> String {
        self.origin.place(self.name)
    }

    pub(super) fn text(&self, key: &str) -> ProblemText {
        self.origin
            .tell(ProblemText::new(key), self.name)
            .with("kind", self.kind.name())
            .with("model", self.model)
            .with("twin", self.twin().map_or("", Kind::name))
            .with("profile", self.profile)
    }

    /// What of the section is made for its kind and was not sent as the twin: it has to go where that is proposed.
    fn odd(&self) -> &'static str {
        match (!self.profile.is_empty(), self.has_extra) {
            (true, true) => "both",
            (true, false) => "profile",
            (false, true) => "extra",
            (false, false) => "none",
        }
    }

    /// A text that proposes the other kind.
    pub(super) fn as_twin(&self, key: &str) -> ProblemText {
        let twin = self.twin().map_or("", Kind::name);
        let variables = self.variables(&[("kind", twin)]);
        self.text(key).with("odd", self.odd()).with("variables", variables)
    }

    /// A text that proposes a second section of the other kind, for edits alone.
    pub(super) fn with_twin(&self, key: &str) -> ProblemText {
        self.text(key).with("odd", self.odd()).with("variables", self.variables_with_twin())
    }

    /// A text about streams, with the place of the wish for them.
    pub(super) fn of_stream(&self, key: &str) -> ProblemText {
        let wish = match (self.profile_streams, self.extra_streams) {
            (true, true) => "both",
            (true, false) => "profile",
            (false, _) => "extra",
        };
        self.text(key).with("wish", wish).with("extra", if self.has_extra { "yes" } else { "no" })
    }

    /// What is known beforehand of the sizes that its model makes.
    pub(super) fn of_sizes(&self) -> ProblemText {
        let all = |list: &[(u32, u32)], between: char| {
            let each: Vec<_> =
                list.iter().map(|(width, height)| format!("{width}{between}{height}")).collect();
            each.join(", ")
        };
        let (known, sizes) = match (self.shapes, self.max_tier) {
            (Shapes::Sizes(list), _) => ("sizes", all(list, '×')),
            (Shapes::Kept, _) => ("kept", String::new()),
            (Shapes::Ratios(list), _) => ("ratios", all(list, ':')),
            (Shapes::UpTo(most), _) => ("between", most.to_string()),
            (Shapes::Any, Some(_)) => ("tier", String::new()),
            (Shapes::Any, None) => ("open", String::new()),
        };
        self.text("check-probe-sizes")
            .with("known", known)
            .with("sizes", sizes)
            .with("tier", u64::from(self.max_tier.unwrap_or_default()))
    }

    /// The same service as variables, for what a pair can't say: `further` is what differs.
    pub(super) fn variables(&self, further: &[(&str, &str)]) -> String {
        let Origin::Environment(pair) = self.origin else { return String::new() };
        let mut lines = self.section_of(pair, pair, further);
        lines.push(format!("EASEL__DRAW__PROVIDER=\"{}\"", self.name));
        lines.join(" ")
    }

    /// The same service as variables, and a second time as its twin, which edits.
    fn variables_with_twin(&self) -> String {
        let (Origin::Environment(pair), Some(twin)) = (self.origin, self.twin()) else {
            return String::new();
        };
        let mut lines = self.section_of(pair, pair, &[]);
        lines.extend(self.section_of(pair, &format!("{pair}_EDIT"), &[("kind", twin.name())]));
        lines.push(format!("EASEL__DRAW__PROVIDER=\"{}\"", self.name));
        lines.push(format!("EASEL__EDIT__PROVIDER=\"{}_edit\"", self.name));
        lines.join(" ")
    }

    /// A section called `name` for the service of `pair`.
    fn section_of(&self, pair: &str, name: &str, further: &[(&str, &str)]) -> Vec<String> {
        let (address, key) = (format!("${pair}_BASE_URL"), format!("${pair}_API_KEY"));
        let usual =
            [("kind", self.kind.name()), ("base_url", &*address), ("api_keys", &*key), ("model", self.model)];
        let differs = |(name, _): &(&str, &str)| further.iter().all(|(other, _)| other != name);
        let fields = usual.into_iter().filter(differs).chain(further.iter().copied());
        let line = |(field, value): (&str, &str)| {
            format!("EASEL__PROVIDERS__{name}__{}=\"{value}\"", field.to_uppercase())
        };
        fields.map(line).collect()
    }
}
