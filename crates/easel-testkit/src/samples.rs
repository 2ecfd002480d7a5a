//! The sample payloads that ship with the kit, read from its `samples` folder.
//!
//! They are the shapes that the platforms' and providers' own documentation and public issue threads show; many
//! contain a picture of one pixel, which clients rightly take for a placeholder.

use serde_json::Value;
use std::{fs, path::PathBuf};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("samples")
}

/// The text of one sample, for example `openai/error_invalid_api_key.json`. Panics if there is no such file.
#[track_caller]
pub fn text(name: &str) -> String {
    let path = folder().join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("no sample {name}: {error}"))
}

/// One sample, parsed. Panics if there is no such file.
#[track_caller]
pub fn json(name: &str) -> Value {
    serde_json::from_str(&text(name)).unwrap_or_else(|error| panic!("sample {name} is not JSON: {error}"))
}

/// All samples of one folder (`onebot`, `openai` or `chat_gateways`) as (file name, content), sorted by name.
#[track_caller]
pub fn all(folder_name: &str) -> Vec<(String, Value)> {
    let entries = fs::read_dir(folder().join(folder_name))
        .unwrap_or_else(|error| panic!("no sample folder {folder_name}: {error}"));
    let mut names: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .collect();
    names.sort_unstable();
    names.into_iter().map(|name| (name.clone(), json(&format!("{folder_name}/{name}")))).collect()
}

/// The frames of one OneBot sample: the `body` of every item whose `kind` is `kind` (`event`, `reply`, `action`).
#[track_caller]
pub fn onebot_bodies(name: &str, kind: &str) -> Vec<Value> {
    let sample = json(&format!("onebot/{name}"));
    let items = sample.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    items
        .into_iter()
        .filter(|item| item.get("kind").and_then(Value::as_str) == Some(kind))
        .filter_map(|item| item.get("body").cloned())
        .collect()
}

/// An event stream sample (a list of `{event, data}`) as the bytes of a `text/event-stream` body.
#[track_caller]
pub fn event_stream(name: &str) -> String {
    let sample = json(name);
    let events = sample.as_array().unwrap_or_else(|| panic!("sample {name} is no list of events"));
    let mut out = String::new();
    for event in events {
        if let Some(kind) = event.get("event").and_then(Value::as_str) {
            out.push_str("event: ");
            out.push_str(kind);
            out.push('\n');
        }
        out.push_str("data: ");
        match event.get("data") {
            Some(Value::String(text)) => out.push_str(text),
            Some(data) => out.push_str(&data.to_string()),
            None => {}
        }
        out.push_str("\n\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_found_and_parsed() {
        assert_eq!(json("openai/error_invalid_api_key.json")["error"]["code"], "invalid_api_key");
        for (folder, least) in [("onebot", 23), ("openai", 30), ("chat_gateways", 22)] {
            assert!(all(folder).len() >= least, "{folder}");
        }
        assert_eq!(onebot_bodies("02_group_command_image_after.json", "event").len(), 1);
        assert!(event_stream("chat_gateways/stream_split_data_url.json").ends_with("data: [DONE]\n\n"));
    }
}
