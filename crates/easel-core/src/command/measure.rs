//! Chinese measure words, which tell `手办化 2 只猫` (two cats) from `手办化 2 换成白底` (preset 2).

use super::width::is_space;

/// Measure words that begin a word of their own noun (`只猫`) in ordinary prompts.
const BEFORE_NOUN: &str = "只个张位条件本块份幅匹名朵辆座颗套双群杯碗瓶枝棵株栋架艘尊串盏";

/// Characters that are measure words too, but begin instructions far more often (`把背景换掉`, `头发改成红色`); they
/// count only when they stand alone.
const ALONE: &str = "把对头面口首部片回种类层次款支根间排扇顶堆场";

/// Words that merely begin with a character of [`BEFORE_NOUN`].
const NO_MEASURE: [&str; 46] = [
    "只要", "只有", "只是", "只能", "只用", "只画", "只留", "只保", "只改", "只换", "只需", "只显", "只露",
    "只看", "只拍", "只把", "个性", "个人", "个子", "张开", "张嘴", "张着", "张大", "位于", "位置", "条纹",
    "条件", "本人", "本身", "本来", "块状", "名字", "名牌", "名为", "名叫", "座位", "套上", "套装", "双手",
    "双马", "双眼", "双色", "双层", "双人", "双腿", "双臂",
];

/// Whether `text`, which follows a number and a space, goes on with a measure word.
pub(super) fn follows(text: &str) -> bool {
    let text = text.trim_start_matches(is_space);
    let mut chars = text.chars();
    let Some(first) = chars.next() else { return false };
    if ALONE.contains(first) {
        return chars.next().is_none_or(is_space);
    }
    BEFORE_NOUN.contains(first) && !NO_MEASURE.iter().any(|word| text.starts_with(word))
}

#[cfg(test)]
mod tests {
    use super::follows;

    #[test]
    fn tells_measure_words_from_instructions() {
        for text in [" 只猫", " 张", " 个女孩 白底", " 把", "　条龙"] {
            assert!(follows(text), "{text}");
        }
        for text in
            ["", " ", " 换成白底", " 只要上半身", " 把背景换掉", " 头发改成红色", " white", " 张开双臂"]
        {
            assert!(!follows(text), "{text}");
        }
    }
}
