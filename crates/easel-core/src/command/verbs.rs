//! The table of words that are commands. Presets join it from the configuration.

use super::{
    Feature, HelpTopic, PresetList, SelfieRef, Verb,
    width::{fold, is_space},
};

/// What a spelling stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A verb of the table.
    Verb(Verb),
    /// 批量: a number and another verb follow.
    Batch,
    /// The preset at this index of the configuration.
    Preset(usize),
}

/// The verb whose spelling `aiimg` counts the figurines in its own way; see `Grammar::parse`.
pub(super) const AIIMG: &str = "aiimg";

/// Every spelling, folded, with its meaning. Two spellings of one verb are equal in everything but the name.
pub(super) const TABLE: &[(&str, Meaning)] = {
    use Meaning::{Batch, Verb as V};
    &[
        ("生图", V(Verb::Draw)),
        (AIIMG, V(Verb::Draw)),
        ("画图", V(Verb::Draw)),
        ("绘图", V(Verb::Draw)),
        ("出图", V(Verb::Draw)),
        ("文生图", V(Verb::Draw)),
        ("draw", V(Verb::Draw)),
        ("改图", V(Verb::Edit)),
        ("aiedit", V(Verb::Edit)),
        ("图生图", V(Verb::Edit)),
        ("修图", V(Verb::Edit)),
        ("edit", V(Verb::Edit)),
        ("自拍", V(Verb::Selfie)),
        ("selfie", V(Verb::Selfie)),
        ("自拍参考", V(Verb::SelfieRef(SelfieRef::Help))),
        // Glued operations, which would otherwise be read as a selfie with the prompt 参考设置.
        ("自拍参考设置", V(Verb::SelfieRef(SelfieRef::Set))),
        ("自拍参考追加", V(Verb::SelfieRef(SelfieRef::Add))),
        ("自拍参考查看", V(Verb::SelfieRef(SelfieRef::Show))),
        ("自拍参考删除", V(Verb::SelfieRef(SelfieRef::Delete))),
        ("自拍参考帮助", V(Verb::SelfieRef(SelfieRef::Help))),
        ("selfie-ref", V(Verb::SelfieRef(SelfieRef::Help))),
        ("视频", V(Verb::Video)),
        ("video", V(Verb::Video)),
        ("批量", Batch),
        ("batch", Batch),
        ("重发图片", V(Verb::Resend)),
        ("resend", V(Verb::Resend)),
        ("预设列表", V(Verb::Presets(PresetList::All))),
        ("presets", V(Verb::Presets(PresetList::All))),
        ("文生图预设列表", V(Verb::Presets(PresetList::Of(Feature::Draw)))),
        ("改图预设列表", V(Verb::Presets(PresetList::Of(Feature::Edit)))),
        ("视频预设列表", V(Verb::Presets(PresetList::Of(Feature::Video)))),
        ("任务", V(Verb::Jobs)),
        ("jobs", V(Verb::Jobs)),
        ("取消", V(Verb::Cancel)),
        ("cancel", V(Verb::Cancel)),
        ("img帮助", V(Verb::Help(HelpTopic::All))),
        ("img 帮助", V(Verb::Help(HelpTopic::All))),
        ("img help", V(Verb::Help(HelpTopic::All))),
        ("help", V(Verb::Help(HelpTopic::All))),
        ("白名单", V(Verb::Whitelist)),
        ("whitelist", V(Verb::Whitelist)),
        ("黑名单", V(Verb::Blacklist)),
        ("blacklist", V(Verb::Blacklist)),
        ("限流", V(Verb::RateLimit)),
        ("ratelimit", V(Verb::RateLimit)),
        ("语言", V(Verb::Language)),
        ("lang", V(Verb::Language)),
        ("服务商", V(Verb::Providers)),
        ("providers", V(Verb::Providers)),
        ("状态", V(Verb::Status)),
        ("status", V(Verb::Status)),
    ]
};

/// Whether `word` is one of the built-in verbs, whose names no preset can take. Width and case do not matter.
pub fn is_verb(word: &str) -> bool {
    let folded = folded(word);
    TABLE.iter().any(|(spelling, _)| *spelling == folded)
}

/// `word` folded, without the separating characters around it.
pub(super) fn folded(word: &str) -> String {
    word.trim_matches(is_space).chars().map(fold).collect()
}

impl SelfieRef {
    /// The operation that a word behind 自拍参考 names; the word is folded.
    pub(super) fn named(word: &str) -> Self {
        match word {
            "" | "帮助" | "help" | "h" => Self::Help,
            "设置" | "set" => Self::Set,
            "追加" | "添加" | "add" => Self::Add,
            "查看" | "看" | "show" => Self::Show,
            "删除" | "del" | "delete" => Self::Delete,
            _ => Self::Unknown,
        }
    }
}
