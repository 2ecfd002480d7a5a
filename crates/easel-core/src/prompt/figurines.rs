//! The three figurine presets that every easel has.

use super::preset::Preset;
use crate::command::{Feature, OutputWish};

/// 手办化: a PVC figure with its box and the modelling software behind it.
const PVC: &str = "Turn the main subject of the given picture into an excellent 1/7 scale PVC figure and photograph it as a product \
that is on sale.\n\
The figure: clearly three-dimensional with convincing volume, made of smooth, slightly glossy PVC with clean seams and \
careful paint. Keep the subject's looks, hair, clothing, colours, expression and pose. Where the picture shows only a part \
of the subject, complete it to a full body with natural proportions. No drawn outlines and never a flat cut-out. An \
animal's fur becomes sculpted and is less real than in life.\n\
The stand: a round, transparent base whose thickness can be seen.\n\
Beside it: a fine collector's box with a large window that shows the original artwork, printed with a brand, the \
character's name, a bar code and a panel of specifications.\n\
Behind it: a monitor on which the figure's model is open in ZBrush.\n\
The scene: a tidy room with light that fits it, correct perspective, everything at a believable size.";

/// 手办化2: a collectible resin statue, photographed like a museum piece.
const RESIN: &str = "Rebuild the character of the given picture as a top-class collectible resin statue and photograph it to museum \
standards.\n\
The statue: the full body in a dynamic pose on a base that tells of the character's world; fine materials, hand-painted \
shading, skin and cloth that look real, every detail crisp. The face must be precise: the same person or character, the \
features in their places and in focus.\n\
The light: a dramatic, hard key light that burns nothing out, with a strong fill so that no area sinks into black.\n\
The place: near a window with a softly blurred background in which the statue's box can faintly be seen.\n\
Avoid: flat or drawn parts, a mere copy of the source picture, a cheap plastic look, a blurred or displaced face, lost \
details.";

/// 手办化3: a commercial figure in a display cabinet.
const CABINET: &str = "Create a very realistic 1/7 scale commercial figure of the adult character in the given picture. The content is \
safe and wholesome.\n\
The figure stands on a shelf inside an utterly realistic display cabinet, on a round, transparent acrylic base without \
any text. Texture and paint are precise; looks, clothing, colours and expression are those of the picture.\n\
The light is natural and fits the room, the depth of field is that of a real lens. On the other shelves stand other \
figures, slightly out of focus.";

/// The presets with their names. Their order is their number.
pub(super) fn all() -> Vec<Preset> {
    [
        ("手办化", "figurine", PVC, "style-figurine-pvc"),
        ("手办化2", "figurine2", RESIN, "style-figurine-resin"),
        ("手办化3", "figurine3", CABINET, "style-figurine-cabinet"),
    ]
    .map(|(name, alias, prompt, style)| Preset {
        name: name.to_owned(),
        aliases: vec![alias.to_owned()],
        feature: Feature::Edit,
        prompt: prompt.to_owned(),
        output: OutputWish::default(),
        avatar: true,
        style: Some(style),
    })
    .into()
}
