//! Help for members of a chat: one message, made of what is switched on.

use super::{Args, Locale, Texts};
use crate::command::HelpTopic;

/// What help may speak about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HelpView<'a> {
    /// The prefix to show, usually the first configured one; empty where commands work without.
    pub prefix: &'a str,
    /// Whether drawing is possible.
    pub draw: bool,
    /// Whether editing, and with it the figurines, is possible.
    pub edit: bool,
    /// Whether clips are possible.
    pub video: bool,
    /// Names of the presets that the configuration adds, in their order.
    pub presets: &'a [&'a str],
}

impl Texts {
    /// The help text, several lines without markup. A topic that is switched off falls back to the overview.
    pub fn help(&self, locale: Locale, topic: HelpTopic, view: HelpView<'_>) -> String {
        let args = Args::new().with("prefix", view.prefix.to_owned());
        let line = |key: &str| self.get(locale, key, &args);
        match topic {
            HelpTopic::Draw if view.draw => return line("help-draw-details"),
            HelpTopic::Edit if view.edit => return line("help-edit-details"),
            _ => {}
        }
        let mut lines = vec![line("help-title")];
        if view.draw {
            lines.push(line("help-draw"));
        }
        if view.edit {
            lines.push(line("help-edit"));
            lines.push(line("help-figurines"));
        }
        if view.video {
            lines.push(line("help-video"));
        }
        if !view.presets.is_empty() {
            let separator = self.plain(locale, "list-separator");
            let names: Vec<String> =
                view.presets.iter().map(|name| format!("{}{name}", view.prefix)).collect();
            lines.push(self.get(locale, "help-presets", &Args::new().with("names", names.join(&separator))));
        }
        lines.push(line("help-jobs"));
        if view.draw {
            lines.push(line("help-more-draw"));
        }
        if view.edit {
            lines.push(line("help-more-edit"));
        }
        lines.join("\n")
    }
}
