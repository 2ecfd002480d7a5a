//! A plan as the text of a configuration file, with comments.
//!
//! Pure. Values are written by the `toml` crate; only heads, keys and comments are put together here, so that a comment
//! can stand beside the key that it is about.

use serde_json::Value as Json;
use toml::Value;

use super::plan::{Plan, Section, Skipped, TOLD};
use crate::{cli::speech::Speech, config::problem::ProblemText};

/// The text of the file. It holds the keys.
pub(super) fn write(plan: &Plan, source: &str, speech: &Speech) -> String {
    let mut out = String::new();
    comment(&mut out, &speech.say(&ProblemText::new("import-file-head").with("file", source)));
    comment(&mut out, &speech.say(&ProblemText::new("import-file-secret")));
    for section in &plan.sections {
        out.push('\n');
        write_section(&mut out, section, &plan.skipped, speech);
    }
    let homeless: Vec<_> = plan
        .skipped
        .iter()
        .filter(|skipped| skipped.home != TOLD)
        .filter(|skipped| !plan.sections.iter().any(|section| section.name() == skipped.home))
        .collect();
    if !homeless.is_empty() {
        out.push('\n');
        comment(&mut out, &speech.say(&ProblemText::new("import-file-rest")));
        for skipped in homeless {
            tell(&mut out, skipped, speech);
        }
    }
    out
}

fn write_section(out: &mut String, section: &Section, skipped: &[Skipped], speech: &Speech) {
    for remark in &section.remarks {
        comment(out, &speech.say(remark));
    }
    let mark = if section.off { "# " } else { "" };
    let head: Vec<_> = section.path.iter().map(|name| key(name)).collect();
    let head = head.join(".");
    let head = if section.list { format!("[[{head}]]") } else { format!("[{head}]") };
    line(out, &[mark, &head]);
    for (name, value) in &section.entries {
        if let Some(value) = value_of(value) {
            // One line each, also in comments: line breaks inside of texts are escaped.
            line(out, &[mark, &key(name), " = ", &one_line(&value)]);
        }
    }
    let name = section.name();
    for skipped in skipped.iter().filter(|skipped| skipped.home == name) {
        tell(out, skipped, speech);
    }
}

fn tell(out: &mut String, skipped: &Skipped, speech: &Speech) {
    let why = speech.say(&skipped.why);
    match &skipped.value {
        Some(value) => comment(out, &format!("{} = {value}: {why}", skipped.old)),
        None => comment(out, &format!("{}: {why}", skipped.old)),
    }
}

fn line(out: &mut String, parts: &[&str]) {
    out.extend(parts.iter().copied());
    out.push('\n');
}

/// Comments may hold neither line breaks nor other control characters.
fn comment(out: &mut String, text: &str) {
    for line in text.lines() {
        out.push_str("# ");
        out.extend(line.chars().map(|c| if c.is_control() { ' ' } else { c }));
        out.push('\n');
    }
}

/// A key as TOML writes it: bare where that is possible.
fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    if bare { name.to_owned() } else { quoted(name) }
}

/// A text in quotes, on one line.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => {
                let escape = format!("\\u{:04X}", u32::from(c));
                out.push_str(&escape);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn one_line(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(one_line).collect::<Vec<_>>().join(", "))
        }
        Value::Table(table) if table.is_empty() => "{}".to_owned(),
        Value::Table(table) => {
            let fields: Vec<_> =
                table.iter().map(|(name, value)| format!("{} = {}", key(name), one_line(value))).collect();
            format!("{{ {} }}", fields.join(", "))
        }
        plain => plain.to_string(),
    }
}

/// JSON as TOML; what TOML lacks (null) is left out.
fn value_of(json: &Json) -> Option<Value> {
    Some(match json {
        Json::Null => return None,
        Json::Bool(flag) => Value::Boolean(*flag),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::Integer(whole),
            None => Value::Float(number.as_f64()?),
        },
        Json::String(text) => Value::String(text.clone()),
        Json::Array(items) => Value::Array(items.iter().filter_map(value_of).collect()),
        Json::Object(fields) => Value::Table(
            fields.iter().filter_map(|(name, value)| Some((name.clone(), value_of(value)?))).collect(),
        ),
    })
}

#[cfg(test)]
mod tests {
    use easel_core::i18n::Locale;
    use serde_json::json;

    use super::*;

    fn written(sections: Vec<Section>) -> String {
        let plan = Plan { sections, ..Plan::default() };
        write(&plan, "old.json", &Speech::new(Locale::EnUs))
    }

    #[track_caller]
    fn same(value: &Json) {
        let mut section = Section::new(&["providers", "a.b \"c\" 中"]);
        section.set("k ey", value.clone());
        let text = written(vec![section]);
        let read: Json = toml::from_str(&text).unwrap();
        assert_eq!(read["providers"]["a.b \"c\" 中"]["k ey"], *value, "{text}");
    }

    #[test]
    fn values_come_back_as_they_were() {
        for value in [
            json!("line\nbreak \"quoted\" \\ \u{7f} \t 中文 '''"),
            json!([1, 2.5, true, "x"]),
            json!({"a": {"b": ["c"]}, "d e": {}}),
            json!({"key": "1:a=b; c", "account": "x"}),
            json!(-3),
        ] {
            same(&value);
        }
    }

    #[test]
    fn a_section_that_is_off_is_a_comment_and_nothing_more() {
        let mut section = Section::new(&["providers", "main"]);
        section.set("model", "a\nb = 1");
        section.off = true;
        let text = written(vec![section]);
        assert!(text.contains("# [providers.main]") && text.contains("# model = "), "{text}");
        assert!(toml::from_str::<toml::Table>(&text).unwrap().is_empty(), "{text}");
    }

    #[test]
    fn what_is_skipped_stands_where_it_belongs() {
        let mut plan = Plan::default();
        plan.set("x", "draw", "default_output", "1:1");
        let why = || ProblemText::new("import-why-unknown");
        plan.skip("draw.odd\nkey", "draw", why());
        plan.skip("other", "", why());
        let text = write(&plan, "old.json", &Speech::new(Locale::ZhCn));
        let (draw, odd, other) =
            (text.find("[draw]").unwrap(), text.find("draw.odd").unwrap(), text.find("other").unwrap());
        assert!(draw < odd && odd < other, "{text}");
        toml::from_str::<toml::Table>(&text).unwrap();
    }

    #[test]
    fn no_text_breaks_the_file() {
        let texts = [
            "",
            "\u{0}\u{1f}\u{7f}\u{85}\u{2028}",
            "a\r\nb\r",
            "]\n[bot]\n",
            "\"\"\"",
            "'''",
            "\\u0000",
            "🦀 = 1",
        ];
        for nasty in texts {
            let mut section = Section::new(&["presets", nasty]);
            section.set("prompt", nasty);
            let mut plan = Plan { sections: vec![section], ..Plan::default() };
            plan.skip(nasty, "", ProblemText::new("import-why-unknown"));
            let text = write(&plan, nasty, &Speech::new(Locale::EnUs));
            let read: Json = toml::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
            assert_eq!(read["presets"][nasty]["prompt"], nasty, "{text}");
        }
    }
}
