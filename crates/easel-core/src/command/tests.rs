//! Tables of what people type, and properties that hold for whatever they type.

use proptest::prelude::*;

use super::*;

fn preset(name: &str, aliases: &[&str], feature: Feature) -> PresetName {
    PresetName {
        name: name.to_owned(),
        aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
        feature,
    }
}

fn grammar() -> Grammar {
    Grammar::new(GrammarConfig {
        prefixes: ["/", "!", "！", ".", "。", "．"].map(str::to_owned).to_vec(),
        presets: vec![
            preset("手办化", &["figurine"], Feature::Edit),
            preset("手办化2", &["figurine2"], Feature::Edit),
            preset("手办化3", &["figurine3"], Feature::Edit),
            preset("水彩", &["watercolor", "Water Colour"], Feature::Draw),
            preset("慢动作", &[], Feature::Video),
            preset("帮助", &[], Feature::Draw),
            preset("任务", &[], Feature::Draw),
        ],
    })
}

fn parse(text: &str, cx: Context) -> Parsed {
    grammar().parse(text, cx)
}

/// One line that holds everything that was understood.
fn shown(parsed: &Parsed) -> String {
    let command = match parsed {
        Parsed::NotForUs => return "-".to_owned(),
        Parsed::TooLong { verb, limit } => return format!("{verb:?} too long ({limit})"),
        Parsed::Command(command) => command,
    };
    let mut line = vec![format!("{:?}", command.verb)];
    if let Some(provider) = &command.provider {
        line.push(format!("@{provider}"));
    }
    if let Some(preset) = &command.preset {
        line.push(format!("<{preset}>"));
    }
    if let Some(ratio) = command.output.ratio {
        line.push(format!("{}:{}", ratio.width, ratio.height));
    }
    if let Some((width, height)) = command.output.size {
        line.push(format!("{width}x{height}"));
    }
    if let Some(tier) = command.output.tier {
        line.push(format!("{tier:?}"));
    }
    if command.count != 1 {
        line.push(format!("×{}", command.count));
    }
    if let Some(job) = command.job {
        line.push(format!("#{job}"));
    }
    if !command.prompt.is_empty() {
        line.push(format!("| {}", command.prompt));
    }
    line.join(" ")
}

#[track_caller]
fn check(text: &str, expected: &str) {
    let parsed = parse(text, Context::default());
    assert_eq!(shown(&parsed), expected, "{text:?}");
    if parsed != Parsed::NotForUs {
        assert!(grammar().starts_command(text), "{text:?} is a command that the prefilter drops");
    }
}

#[track_caller]
fn check_bare(text: &str, expected: &str) {
    assert_eq!(shown(&parse(text, Context { bare_allowed: true })), expected, "{text:?}");
}

#[test]
fn verbs_and_their_aliases() {
    for word in ["生图", "aiimg", "画图", "绘图", "出图", "文生图", "draw", "Draw", "ＤＲＡＷ", "AiImg"]
    {
        check(&format!("/{word} 一只猫"), "Draw | 一只猫");
    }
    for word in ["改图", "aiedit", "图生图", "修图", "edit"] {
        check(&format!("/{word} 换成雨夜街头"), "Edit | 换成雨夜街头");
    }
    check("/自拍 海边", "Selfie | 海边");
    check("/selfie", "Selfie");
    check("/视频 跑起来", "Video | 跑起来");
    check("/video run", "Video | run");
    check("/重发图片", "Resend");
    check("/resend 2", "Resend #2");
    check("/预设列表", "Presets(All)");
    check("/presets", "Presets(All)");
    check("/文生图预设列表", "Presets(Of(Draw))");
    check("/改图预设列表", "Presets(Of(Edit))");
    check("/视频预设列表", "Presets(Of(Video))");
    check("/任务", "Jobs");
    check("/jobs", "Jobs");
    check("/白名单 添加 123", "Whitelist | 添加 123");
    check("/whitelist add 123", "Whitelist | add 123");
    check("/黑名单", "Blacklist");
    check("/blacklist", "Blacklist");
    check("/限流 5", "RateLimit | 5");
    check("/ratelimit", "RateLimit");
    check("/语言 en-US", "Language | en-US");
    check("/lang", "Language");
    check("/服务商", "Providers");
    check("/providers", "Providers");
    check("/状态", "Status");
    check("/status", "Status");
}

#[test]
fn prefixes_of_both_widths() {
    for prefix in ["/", "／", "!", "！", ".", "．", "。", "｡"] {
        check(&format!("{prefix}生图 猫"), "Draw | 猫");
    }
    check("  \u{3000}\u{a0}\u{200b}\u{feff}/生图 猫", "Draw | 猫");
    check("生图 猫", "-");
    check("#生图 猫", "-");
    check("/", "-");
    check("", "-");
    check("/ 生图 猫", "-");
    check("//生图 猫", "-");
    check_bare("生图 猫", "Draw | 猫");
    check_bare(" 生图一只猫", "Draw | 一只猫");
    check_bare("/生图 猫", "Draw | 猫");
    check_bare("你好", "-");
    check_bare("", "-");
}

#[test]
fn glued_arguments() {
    check("/生图一只猫", "Draw | 一只猫");
    check("/aiimg一只猫", "Draw | 一只猫");
    check("/生图a cat", "Draw | a cat");
    check("/draw，一只猫", "Draw | 一只猫");
    check("/生图：猫", "Draw | 猫");
    check("/生图: (masterpiece), cat", "Draw | (masterpiece), cat");
    check("/生图@a：猫", "Draw @a | 猫");
    check("/生图 16:9，猫", "Draw 16:9 | 猫");
    check("/生图，、", "Draw");
    check("/draw :)", "Draw | :)");
    check("/drawer", "-");
    check("/draw2", "-");
    check("/draw_it", "-");
    check("/draw.io", "-");
    check("/editor", "-");
    check("/编辑", "-");
    check("/自拍海边", "Selfie | 海边");
    check("/水彩一只猫", "Preset <水彩> | 一只猫");
    check("/watercolors", "-");
    check("/取消闹钟", "-");
    check("/取消 闹钟", "-");
    check("/任务栏", "-");
    check("/状态栏", "-");
    check("/重发图片吧", "-");
    check("/视频预设列表里的猫", "Video | 预设列表里的猫");
    check("/img帮助我", "-");
    check("/helpme", "-");
}

#[test]
fn help_is_a_whole_word_or_the_whole_text() {
    check("/img帮助", "Help(All)");
    check("/IMG帮助 ", "Help(All)");
    check("/help", "Help(All)");
    check("/help draw", "Help(Draw) | draw");
    check("/img帮助 改图", "Help(Edit) | 改图");
    check("/help me", "Help(All) | me");
    check("/aiimg 帮助", "Help(All)");
    check("/aiimg帮助", "Help(All)");
    check("/生图帮助", "Help(Draw)");
    check("/改图帮助\n", "Help(Edit)");
    check("/draw help", "Help(Draw)");
    check("/aiimg help", "Help(All)");
    check("/aiimg ＨＥＬＰ ", "Help(All)");
    check("/edit Help", "Help(Edit)");
    check("/视频 帮助", "Help(All)");
    check("/draw helpless cat", "Draw | helpless cat");
    check("/draw help me", "Draw | help me");
    check("/生图@openai help", "Draw @openai | help");
    check("/img 帮助", "Help(All)");
    check("/img help draw", "Help(Draw) | draw");
    check("/img 帮助我", "-");
    check("/生图帮助老人过马路", "Draw | 帮助老人过马路");
    check("/aiimg帮助老人过马路", "Draw | 帮助老人过马路");
    check("/改图帮助我换背景", "Edit | 帮助我换背景");
}

#[test]
fn the_word_for_help_that_all_bots_share_counts_where_the_bot_is_spoken_to() {
    let grammar = Grammar::new(GrammarConfig { prefixes: vec!["/".to_owned()], presets: Vec::new() });
    for (text, addressed) in [
        ("帮助", "Help(All)"),
        (" /帮助 ", "Help(All)"),
        ("帮助 生图", "Help(Draw) | 生图"),
        ("帮助我", "-"),
        ("请帮助", "-"),
    ] {
        let read = |bare_allowed| shown(&grammar.parse(text, Context { bare_allowed }));
        assert_eq!((read(true).as_str(), read(false).as_str()), (addressed, "-"), "{text}");
    }
    // A preset of that name is the owner's wish.
    check("/帮助", "Preset <帮助>");
}

#[test]
fn figurines_follow_the_spelling() {
    check("/手办化", "Preset <手办化>");
    check("/手办化1", "Preset <手办化>");
    check("/手办化2", "Preset <手办化2>");
    check("/手办化２", "Preset <手办化2>");
    check("/手办化 2", "Preset <手办化2>");
    check("/手办化3", "Preset <手办化3>");
    check("/手办化\u{3000}3 白色背景", "Preset <手办化3> | 白色背景");
    check("/手办化4", "Preset <手办化> | 4");
    check("/figurine", "Preset <手办化>");
    check("/figurine 2", "Preset <手办化2>");
    check("/Figurine3 on a desk", "Preset <手办化3> | on a desk");
    check("/生图 手办化", "Draw <手办化>");
    check("/生图 手办化2", "Draw <手办化2>");
    check("/生图手办化 3", "Draw <手办化3>");
    check("/draw figurine", "Draw <手办化>");
    check("/draw figurine2", "Draw <手办化2>");
    check("/draw figurine 3", "Draw <手办化3>");
    check("/aiimg 手办化", "Draw <手办化2>");
    check("/aiimg手办化", "Draw <手办化2>");
    check("/aiimg 手办化1", "Draw <手办化2>");
    check("/aiimg 手办化 2", "Draw <手办化3>");
    check("/aiimg 手办化2", "Draw <手办化3>");
    check("/aiimg手办化2", "Draw <手办化3>");
    check("/AIIMG 手办化2 白底", "Draw <手办化3> | 白底");
    check("/aiimg 手办化3", "Draw <手办化3>");
    check("/aiimg 手办化的猫", "Draw | 手办化的猫");
}

#[test]
fn a_digit_before_a_measure_word_is_prompt() {
    check("/手办化 2 只猫", "Preset <手办化> | 2 只猫");
    check("/手办化2只猫", "Preset <手办化> | 2只猫");
    check("/手办化 2 张", "Preset <手办化> | 2 张");
    check("/手办化 2 只要上半身", "Preset <手办化2> | 只要上半身");
    check("/手办化 2 把背景换成海边", "Preset <手办化2> | 把背景换成海边");
    check("/手办化 2 16:9", "Preset <手办化2> 16:9");
    check("/生图 手办化 2 个女孩", "Draw <手办化> | 2 个女孩");
}

#[test]
fn presets_by_name() {
    check("/改图 手办化2", "Edit <手办化2>");
    check("/改图 水彩", "Edit <水彩>");
    check("/改图 水彩 傍晚", "Edit <水彩> | 傍晚");
    check("/改图 水彩，傍晚", "Edit <水彩> | 傍晚");
    check("/水彩：傍晚", "Preset <水彩> | 傍晚");
    check("/改图 水彩画", "Edit | 水彩画");
    check("/改图 4K 水彩", "Edit <水彩> K4");
    check("/生图 WaterColor 山", "Draw <水彩> | 山");
    check("/draw water colour hills", "Draw <水彩> | hills");
    check("/视频 慢动作 跑", "Video <慢动作> | 跑");
    check("/视频 水彩 跑", "Video | 水彩 跑");
    check("/生图 慢动作 跑", "Draw | 慢动作 跑");
    check("/慢动作", "Preset <慢动作>");
    check("/自拍 水彩", "Selfie | 水彩");
}

#[test]
fn providers() {
    check("/生图@openai 一只猫", "Draw @openai | 一只猫");
    check("/生图＠openai一只猫", "Draw @openai | 一只猫");
    check("/生图@OpenAI 猫", "Draw @openai | 猫");
    check("/draw@my-gateway_2.x a cat", "Draw @my-gateway_2.x | a cat");
    check("/生图@我的网关 一只猫", "Draw @我的网关 | 一只猫");
    check("/手办化2@openai 白底", "Preset @openai <手办化2> | 白底");
    check("/aiimg@gitee 手办化", "Draw @gitee <手办化2>");
    check("/生图@ 一只猫", "Draw | @ 一只猫");
    check("/生图 @小明 一只猫", "Draw | @小明 一只猫");
    check("/取消@openai", "-");
}

#[test]
fn output_wishes() {
    check("/生图 一只猫 16:9", "Draw 16:9 | 一只猫");
    check("/生图 一只猫 １６：９", "Draw 16:9 | 一只猫");
    check("/生图 16:9 一只猫", "Draw 16:9 | 一只猫");
    check("/生图 一只猫，16:9，草地", "Draw 16:9 | 一只猫，，草地");
    check("/生图 cat,16:9，4K", "Draw 16:9 K4 | cat");
    check("/生图 cat (16:9)", "Draw 16:9 | cat ()");
    check("/生图 v1.4K", "Draw | v1.4K");
    check("/生图 猫 1.4K", "Draw | 猫 1.4K");
    for ratio in ["1:1", "4:3", "3:4", "3:2", "2:3", "16:9", "9:16", "21:9", "9:21"] {
        check(&format!("/生图 猫 {ratio}"), &format!("Draw {ratio} | 猫"));
    }
    check("/生图 猫 5:4", "Draw | 猫 5:4");
    check("/生图 猫 比例 5:4", "Draw 5:4 | 猫");
    check("/生图 猫 比例5:4", "Draw 5:4 | 猫");
    check("/生图 猫 比例：5:4 草地", "Draw 5:4 | 猫 草地");
    check("/生图 比例 3:4 猫", "Draw 3:4 | 猫");
    check("/draw a cat ratio 5:4", "Draw 5:4 | a cat");
    check("/draw a cat, Ratio: 5:4", "Draw 5:4 | a cat");
    check("/draw the golden ratio", "Draw | the golden ratio");
    check("/生图 比例 好看", "Draw | 比例 好看");
    check("/生图 比例 1:99 猫", "Draw | 比例 1:99 猫");
    check("/生图 4:30 的街道", "Draw | 4:30 的街道");
    check("/生图 比分3:2的球赛", "Draw | 比分3:2的球赛");
    check("/生图 写着“16:9”的牌子", "Draw | 写着“16:9”的牌子");
    check("/生图 https://a.cn/16:9/x 风格", "Draw | https://a.cn/16:9/x 风格");
    check("/改图 把 16:9 的画面改成 9:16", "Edit 9:16 | 把 16:9 的画面改成");
    check("/生图 猫 2048x1152", "Draw 2048x1152 | 猫");
    check("/生图 猫 ２０４８×１１５２ 草地", "Draw 2048x1152 | 猫 草地");
    check("/生图 猫 1024X1024。", "Draw 1024x1024 | 猫 。");
    for times in ["*", "＊", "x", "×"] {
        check(&format!("/生图 猫 1024{times}768"), "Draw 1024x768 | 猫");
    }
    check("/生图 猫 *3", "Draw | 猫 *3");
    check("/生图 猫 --ar 16:9", "Draw 16:9 | 猫");
    check("/生图 猫 --AR 7:4 --v 6", "Draw 7:4 | 猫 --v 6");
    check("/生图 --ar 16:9 猫", "Draw 16:9 | 猫");
    check("/生图 猫 --ar", "Draw | 猫 --ar");
    check("/生图 猫 100x100", "Draw | 猫 100x100");
    check("/生图 猫 x10", "Draw | 猫 x10");
    check("/生图 猫 4096x4097", "Draw | 猫 4096x4097");
    check("/生图 猫 4K", "Draw K4 | 猫");
    check("/生图 2k 猫", "Draw K2 | 猫");
    check("/生图 猫，1K", "Draw K1 | 猫");
    check("/生图 一台 4K 电视", "Draw | 一台 4K 电视");
    check("/生图 4K电视", "Draw | 4K电视");
    check("/生图 猫 8K", "Draw | 猫 8K");
    check("/生图 猫 x3", "Draw ×3 | 猫");
    check("/生图 猫 ×2", "Draw ×2 | 猫");
    check("/生图 猫 Ｘ９", "Draw ×9 | 猫");
    check("/生图 猫 x1", "Draw | 猫 x1");
    check("/生图 x2 猫", "Draw | x2 猫");
    check("/生图 4张 猫", "Draw | 4张 猫");
    check("/生图 猫 4张", "Draw | 猫 4张");
    check("/生图 猫 16:9 4K x2", "Draw 16:9 K4 ×2 | 猫");
    check("/生图 猫 x2 4K 16:9", "Draw 16:9 K4 ×2 | 猫");
    check("/生图 4K", "Draw K4");
    check("/手办化2 9:16 x2", "Preset <手办化2> 9:16 ×2");
}

#[test]
fn wishes_that_are_none_are_noticed() {
    #[track_caller]
    fn check(prompt: &str, count: bool, size: bool) {
        assert_eq!(unmet(prompt), Unmet { count, size }, "{prompt}");
    }
    check("", false, false);
    check("一只猫", false, false);
    check("猫 x10", true, false);
    check("猫，×９９", true, false);
    check("x10 只猫", false, false);
    check("猫 x3", false, false);
    check("猫 x2张", false, false);
    check("9999x9999 山", false, true);
    check("山 100*100", false, true);
    check("山 ４０９６×４０９７ x12", true, true);
    check("山 20000x20000", false, true);
    check("山 1024x1024", false, false);
    check("3x3 的九宫格，4x4 越野车", false, false);
}

#[test]
fn prompts_stay_whole() {
    check("/生图 a cat on a sofa", "Draw | a cat on a sofa");
    check("/生图 第一行\n第二行\n\n  缩进", "Draw | 第一行\n第二行\n\n  缩进");
    check("/生图\n第一行", "Draw | 第一行");
    check("/生图 上\n16:9\n下", "Draw 16:9 | 上\n下");
    check("/生图 ＡＢＣ：１", "Draw | ＡＢＣ：１");
    check("/生图 [CQ:image,file=file:///etc/passwd]", "Draw | [CQ:image,file=file:///etc/passwd]");
    check("/生图", "Draw");
    check("/改图 \u{200b}", "Edit");
    check("/生图 \0\u{1}猫\u{7f}咪\u{9b}31m\t一\r\n行", "Draw | 猫咪31m\t一\r\n行");
    check("/生图 a\u{b}b \u{1}", "Draw | a b");
}

#[test]
fn batches() {
    check("/批量4 生图 一只猫", "Batch(Draw) ×4 | 一只猫");
    check("/批量４生图一只猫", "Batch(Draw) ×4 | 一只猫");
    check("/批量 4 手办化2", "Batch(Preset) <手办化2> ×4");
    check("/batch3 draw a cat 16:9", "Batch(Draw) 16:9 ×3 | a cat");
    check("/批量2 aiimg 手办化", "Batch(Draw) <手办化2> ×2");
    check("/批量2 生图 猫 x3", "Batch(Draw) ×2 | 猫 x3");
    check("/批量0 生图 猫", "-");
    check("/批量 生图 猫", "-");
    check("/批量4", "-");
    check("/批量4 任务", "-");
    check("/批量4 批量4 生图 猫", "-");
    check("/批量处理", "-");
}

#[test]
fn jobs_by_number() {
    check("/取消", "Cancel");
    check("/取消 3", "Cancel #3");
    check("/取消3", "Cancel #3");
    check("/取消 ＃１２", "Cancel #12");
    check("/cancel 3", "Cancel #3");
    check("/cancel3", "Cancel #3");
    check("/取消3号闹钟", "-");
    check("/取消 99999999999", "-");
    check("/重发图片 2", "Resend #2");
    check("/重发图片 谢谢", "Resend | 谢谢");
}

#[test]
fn selfie_references() {
    check("/自拍参考", "SelfieRef(Help)");
    check("/自拍参考 设置", "SelfieRef(Set)");
    check("/自拍参考设置", "SelfieRef(Set)");
    check("/自拍参考 追加", "SelfieRef(Add)");
    check("/自拍参考 看", "SelfieRef(Show)");
    check("/自拍参考 删除 2", "SelfieRef(Delete) | 2");
    check("/自拍参考 干嘛", "SelfieRef(Unknown)");
    check("/selfie-ref SET", "SelfieRef(Set)");
    check("/selfie-ref delete", "SelfieRef(Delete)");
    check("/自拍参考这张图", "Selfie | 参考这张图");
}

#[test]
fn the_spelling_is_kept() {
    for (text, spelling) in
        [("/ＡＩＩＭＧ 猫", "ＡＩＩＭＧ"), ("/手办化 2", "手办化 2"), ("/批量2 出图 猫", "出图")]
    {
        let Parsed::Command(command) = parse(text, Context::default()) else { panic!("{text}") };
        assert_eq!(command.spelling, spelling);
    }
}

#[test]
fn long_prompts_are_refused() {
    check(&format!("/生图 {}", "猫".repeat(PROMPT_LIMIT + 1)), "Draw too long (4000)");
    check(&format!("/生图 {}", "猫".repeat(PROMPT_LIMIT * 3)), "Draw too long (4000)");
    check(&format!("/白名单 {}", "猫".repeat(PROMPT_LIMIT * 3)), "Whitelist too long (4000)");
    for long in [PROMPT_LIMIT + 1, PROMPT_LIMIT * 3] {
        check(&format!("/批量4 生图 {}", "猫".repeat(long)), "Batch(Draw) too long (4000)");
    }
    let longest = "猫".repeat(PROMPT_LIMIT);
    check(&format!("/生图 {longest} 16:9"), &format!("Draw 16:9 | {longest}"));
    check(&format!("/生图 {}{longest}{}", " ".repeat(9000), " ".repeat(9000)), &format!("Draw | {longest}"));
}

#[test]
fn words_without_a_verb_are_read_as_behind_one() {
    #[track_caller]
    fn check(verb: Verb, text: &str, behind: &str) {
        let ordered = grammar().order(verb, text).map(|order| shown(&Parsed::Command(order)));
        assert_eq!(ordered, (behind != "-").then(|| behind.to_owned()), "{text}");
    }
    check(Verb::Draw, "一只猫 16:9 x3", "Draw 16:9 ×3 | 一只猫");
    check(Verb::Draw, "@openai 一只猫 2K", "Draw @openai K2 | 一只猫");
    check(Verb::Draw, "水彩 一只猫", "Draw <水彩> | 一只猫");
    check(Verb::Edit, "手办化 2 穿红衣服", "Edit <手办化2> | 穿红衣服");
    check(Verb::Draw, "慢动作 小船", "Draw | 慢动作 小船");
    check(Verb::Draw, "/生图 一只猫", "Draw | /生图 一只猫");
    check(Verb::Draw, " ", "Draw");
    check(Verb::Draw, &"猫".repeat(PROMPT_LIMIT + 1), "-");
    check(
        Verb::Draw,
        &format!("{} 16:9", "猫".repeat(PROMPT_LIMIT)),
        &format!("Draw 16:9 | {}", "猫".repeat(PROMPT_LIMIT)),
    );
}

#[test]
fn a_grammar_without_prefixes_hears_only_mentions() {
    let grammar = Grammar::new(GrammarConfig { prefixes: vec![String::new()], presets: Vec::new() });
    assert!(!grammar.starts_command("/生图 猫"));
    assert!(!grammar.starts_command("生图 猫"));
    assert_eq!(grammar.parse("生图 猫", Context::default()), Parsed::NotForUs);
    assert!(matches!(grammar.parse("生图 猫", Context { bare_allowed: true }), Parsed::Command(_)));
}

/// Texts made of what the grammar cares about, so that the properties meet its corners.
fn texts() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "/",
        "！",
        "生图",
        "aiimg",
        "draw",
        "改图",
        "手办化",
        "figurine",
        "2",
        "３",
        " ",
        "\n",
        "\u{3000}",
        "\u{200b}",
        "@",
        "openai",
        "只猫",
        "比例",
        "ratio",
        "16:9",
        "5:4",
        "４Ｋ",
        "2048x1152",
        "×2",
        "x9",
        "，",
        ".",
        "取消",
        "批量",
        "帮助",
        "help",
        "--ar",
        "*",
        "\u{1}",
        "自拍参考",
        "水彩",
        "一只猫",
        "cat",
        "#",
        ":",
        "：",
    ]);
    prop_oneof![any::<String>(), prop::collection::vec(pieces, 0..12).prop_map(|pieces| pieces.concat()),]
}

fn visible(text: &str) -> String {
    text.chars().filter(|c| !is_space(*c)).collect()
}

/// Whether the characters of `part` occur in `whole` in this order.
fn is_subsequence(part: &str, whole: &str) -> bool {
    let mut whole = whole.chars();
    part.chars().all(|c| whole.any(|other| other == c))
}

fn widen(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '!'..='~' => char::from_u32(u32::from(c) + 0xFEE0).unwrap(),
            ' ' => '\u{3000}',
            _ => c,
        })
        .collect()
}

fn narrow(text: &str) -> String {
    text.chars().map(fold).collect()
}

proptest! {
    #[test]
    fn folding_is_idempotent(text in any::<String>()) {
        prop_assert_eq!(narrow(&narrow(&text)), narrow(&text));
        prop_assert_eq!(narrow(&widen(&text)), narrow(&text));
    }

    #[test]
    fn commands_pass_the_prefilter(text in texts()) {
        let grammar = grammar();
        if grammar.parse(&text, Context::default()) != Parsed::NotForUs {
            prop_assert!(grammar.starts_command(&text));
        }
    }

    #[test]
    fn nothing_is_invented_or_reordered(text in texts()) {
        if let Parsed::Command(command) = parse(&text, Context { bare_allowed: true }) {
            prop_assert!(is_subsequence(&visible(&command.prompt), &visible(&text)));
            prop_assert!(command.prompt.chars().count() <= PROMPT_LIMIT);
            prop_assert!((1..=99).contains(&command.count));
            prop_assert!(!command.spelling.is_empty());
        }
    }

    #[test]
    fn a_prompt_without_wishes_is_kept_to_the_letter(text in "[a-z，。“”一-龥\n ]{0,80}") {
        let grammar = Grammar::new(GrammarConfig { prefixes: vec!["/".to_owned()], presets: Vec::new() });
        let Parsed::Command(command) = grammar.parse(&format!("/生图 好{text}"), Context::default()) else {
            panic!("every text behind the verb is its prompt")
        };
        let typed = format!("好{text}");
        prop_assert_eq!(command.prompt, typed.trim());
    }

    #[test]
    fn only_wishes_leave_the_prompt(
        words in prop::collection::vec("[b-jl-w一-龥]{1,6}", 1..8), at in any::<prop::sample::Index>(),
        wish in prop::sample::select(vec!["16:9", "比例 5:4", "2048x1152", "１：１"]),
    ) {
        let mut with: Vec<&str> = words.iter().map(String::as_str).collect();
        with.insert(at.index(words.len() + 1), wish);
        let grammar = Grammar::new(GrammarConfig { prefixes: vec!["/".to_owned()], presets: Vec::new() });
        let parsed = grammar.parse(&format!("/生图 {}", with.join(" ")), Context::default());
        let Parsed::Command(command) = parsed else { panic!("{with:?}") };
        if command.verb == Verb::Draw {
            prop_assert_eq!(command.prompt, words.join(" "));
            prop_assert!(!command.output.is_empty());
        }
    }

    #[test]
    fn width_does_not_matter(text in texts()) {
        let cx = Context { bare_allowed: true };
        match (parse(&narrow(&text), cx), parse(&widen(&narrow(&text)), cx)) {
            (Parsed::Command(narrowed), Parsed::Command(widened)) => {
                prop_assert_eq!(narrowed.verb, widened.verb);
                prop_assert_eq!(&narrowed.preset, &widened.preset);
                prop_assert_eq!(narrowed.output, widened.output);
                prop_assert_eq!((narrowed.count, narrowed.job), (widened.count, widened.job));
                prop_assert_eq!(&narrowed.provider, &widened.provider);
                prop_assert_eq!(narrowed.prompt, narrow(&widened.prompt));
            }
            (narrowed, widened) => prop_assert_eq!(narrowed, widened),
        }
    }
}
