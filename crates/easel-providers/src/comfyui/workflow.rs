//! A workflow of `ComfyUI` as the owner exported it, and the places in it that easel fills in.
//!
//! Reads the file once; everything else is pure. What is wrong with it is told in full sentences, because people make
//! these files by hand.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use crate::{config::ProviderSection, dialect::Problems};

const WORKFLOW: &str = "workflow";
const SLOTS: &str = "slots";
/// Larger files are no workflows.
const MAX_BYTES: u64 = 4 * 1024 * 1024;
/// Pictures that a workflow may take.
const MAX_IMAGES: usize = 9;
/// Keys of `extra` that the kind knows.
const KNOWN: &[&str] =
    &[WORKFLOW, SLOTS, "negative_prompt", "width", "height", crate::syntax::ALLOW, crate::dialect::POLL];
/// Inputs that hold a seed in the nodes of `ComfyUI` itself.
const SEEDS: &[&str] = &["seed", "noise_seed"];

/// What easel fills in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Slot {
    Prompt,
    Negative,
    Seed,
    Width,
    Height,
    Count,
    Model,
    /// Counted from 1.
    Image(usize),
}

impl Slot {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "prompt" => Self::Prompt,
            "negative" => Self::Negative,
            "seed" => Self::Seed,
            "width" => Self::Width,
            "height" => Self::Height,
            "count" => Self::Count,
            "model" => Self::Model,
            other => {
                let number = other.strip_prefix("image")?.parse().ok()?;
                return (1..=MAX_IMAGES).contains(&number).then_some(Self::Image(number));
            }
        })
    }
}

/// A read workflow.
#[derive(Debug)]
pub(super) struct Workflow {
    nodes: Map<String, Value>,
    /// Inputs that are replaced as a whole: node and name.
    places: Vec<(Slot, String, String)>,
    /// Everything that is filled in, also inside of texts.
    slots: Vec<Slot>,
}

impl Workflow {
    /// The workflow that a section names.
    pub(super) fn read(section: &ProviderSection) -> Result<Self, Problems> {
        let mut problems = Problems::new();
        let key = |name: &str| format!("extra.{name}");
        for name in section.extra.keys().filter(|name| !KNOWN.contains(&name.as_str())) {
            let sentence = format!(
                "is no key of this kind; set the nodes' inputs in the workflow itself. The keys are: {}.",
                KNOWN.join(", ")
            );
            problems.push((key(name), sentence));
        }
        let nodes = match path(section) {
            None => {
                let sentence = "missing; write the path of a workflow that ComfyUI exported in API format.";
                problems.push((key(WORKFLOW), sentence.to_owned()));
                return Err(problems);
            }
            Some(path) => nodes(&path).unwrap_or_else(|problem| {
                problems.push((key(WORKFLOW), format!("{}: {problem}", path.display())));
                Map::new()
            }),
        };
        if nodes.is_empty() {
            return Err(problems);
        }
        let (mut places, seeds_named) = match places(section.extra.get(SLOTS), &nodes) {
            Ok(found) => found,
            Err(found) => {
                problems.extend(found.into_iter().map(|problem| (key(SLOTS), problem)));
                return Err(problems);
            }
        };
        let mut slots: Vec<Slot> = places.iter().map(|(slot, ..)| *slot).collect();
        for inputs in nodes.values().filter_map(|node| node.get("inputs")) {
            look(inputs, &mut |slot| slots.push(slot));
        }
        if !seeds_named && !slots.contains(&Slot::Seed) {
            let found = seeds(&nodes);
            slots.extend(found.first().map(|_| Slot::Seed));
            places.extend(found);
        }
        slots.sort_unstable();
        slots.dedup();
        let workflow = Self { nodes, places, slots };
        problems.extend(workflow.problems(section));
        if problems.is_empty() { Ok(workflow) } else { Err(problems) }
    }

    fn problems(&self, section: &ProviderSection) -> Problems {
        let mut problems = Problems::new();
        let mut say = |key: &str, problem: &str| problems.push((key.to_owned(), problem.to_owned()));
        if !self.has(Slot::Prompt) {
            let problem = "nothing takes the prompt; write %prompt% into the text of a node in the workflow, or say \
                           slots = { prompt = \"NODE.INPUT\" }.";
            say("extra.slots", problem);
        }
        let images = self.images();
        if (1..=images).any(|number| !self.has(Slot::Image(number))) {
            say("extra.slots", "pictures are counted from image1 on, without a gap.");
        }
        if self.has(Slot::Model) && section.model.trim().is_empty() {
            say("model", "missing; the workflow has a place for it.");
        }
        for name in ["width", "height"] {
            let side = section.extra.get(name);
            if side.is_some_and(|side| side.as_u64().is_none_or(|side| !(64..=8192).contains(&side))) {
                say(&format!("extra.{name}"), "write a number of pixels from 64 to 8192, usually 1024.");
            }
        }
        let class =
            |node: &Value| node.get("class_type").and_then(Value::as_str).unwrap_or_default().to_owned();
        let classes: Vec<String> = self.nodes.values().map(class).collect();
        let saves = |class: &String| class != "SaveImageWebsocket" && class.contains("Image");
        if classes.iter().any(|class| class == "SaveImageWebsocket")
            && !classes
                .iter()
                .any(|class| saves(class) && (class.contains("Save") || class.contains("Preview")))
        {
            say("extra.workflow", "pictures of SaveImageWebsocket don't reach easel; use SaveImage.");
        }
        problems
    }

    pub(super) fn has(&self, slot: Slot) -> bool {
        self.slots.contains(&slot)
    }

    /// The pictures that it takes.
    pub(super) fn images(&self) -> usize {
        let number = |slot: &Slot| if let Slot::Image(number) = slot { *number } else { 0 };
        self.slots.iter().map(number).max().unwrap_or(0)
    }

    /// The number that stands in a slot now.
    pub(super) fn number(&self, slot: Slot) -> Option<u32> {
        let (_, node, input) = self.places.iter().find(|(place, ..)| *place == slot)?;
        u32::try_from(self.nodes.get(node)?.get("inputs")?.get(input)?.as_u64()?).ok()
    }

    /// The workflow with these values. Inputs without one stay as the file has them, place holders without one go.
    pub(super) fn filled(&self, values: &BTreeMap<Slot, Value>) -> Value {
        let mut nodes = self.nodes.clone();
        for inputs in nodes.values_mut().filter_map(|node| node.get_mut("inputs")) {
            fill(inputs, values);
        }
        for (slot, node, input) in &self.places {
            let inputs =
                nodes.get_mut(node).and_then(|node| node.get_mut("inputs")).and_then(Value::as_object_mut);
            if let (Some(inputs), Some(value)) = (inputs, values.get(slot)) {
                inputs.insert(input.clone(), value.clone());
            }
        }
        Value::Object(nodes)
    }
}

/// The file that a section names.
pub(super) fn path(section: &ProviderSection) -> Option<PathBuf> {
    let path = section.extra.get(WORKFLOW)?.as_str()?.trim();
    (!path.is_empty()).then(|| PathBuf::from(path))
}

/// The nodes in a file.
fn nodes(path: &Path) -> Result<Map<String, Value>, String> {
    let length = fs::metadata(path).map_err(|error| format!("can't be read: {error}."))?.len();
    if length > MAX_BYTES {
        return Err(format!("is no workflow: it has {length} bytes."));
    }
    let text = fs::read_to_string(path).map_err(|error| format!("can't be read: {error}."))?;
    let root: Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))
        .map_err(|error| format!("is no JSON: {error}."))?;
    let export = "export it in API format: the menu Workflow, then Export (API).";
    if root.get("nodes").is_some_and(Value::is_array) {
        return Err(format!("is a workflow of the editor; {export}"));
    }
    // A whole request holds the workflow under this name.
    let inner = root.get("prompt").filter(|inner| inner.is_object()).cloned();
    let Value::Object(nodes) = inner.unwrap_or(root) else {
        return Err(format!("is no workflow; {export}"));
    };
    let good = |node: &Value| {
        node.get("class_type").is_some_and(Value::is_string)
            && node.get("inputs").is_some_and(Value::is_object)
    };
    match nodes.iter().find(|(_, node)| !good(node)) {
        None if !nodes.is_empty() => Ok(nodes),
        None => Err(format!("is empty; {export}")),
        Some((name, _)) => Err(format!("{name:?} is no node with class_type and inputs; {export}")),
    }
}

/// The places that the owner names, and whether seeds are among them (perhaps none).
#[expect(clippy::type_complexity, reason = "used once, next to its definition")]
fn places(
    slots: Option<&Value>,
    nodes: &Map<String, Value>,
) -> Result<(Vec<(Slot, String, String)>, bool), Vec<String>> {
    let (mut places, mut problems) = (Vec::new(), Vec::new());
    let Some(slots) = slots else { return Ok((places, false)) };
    let Some(slots) = slots.as_object() else {
        return Err(vec!["write it like { prompt = \"6.text\", seed = \"3.seed\" }.".to_owned()]);
    };
    for (name, value) in slots {
        let Some(slot) = Slot::parse(name) else {
            problems.push(format!(
                "{name:?} is no slot; they are prompt, negative, seed, width, height, count, model, image1 to \
                 image{MAX_IMAGES}."
            ));
            continue;
        };
        let list = if let Value::Array(list) = value { list.as_slice() } else { std::slice::from_ref(value) };
        for place in list {
            let text = place.as_str().unwrap_or_default();
            let named = text.split_once('.');
            let exists = |(node, input): &(&str, &str)| {
                nodes.get(*node).and_then(|node| node.get("inputs")?.get(*input)).is_some()
            };
            match named.filter(exists) {
                Some((node, input)) => places.push((slot, node.to_owned(), input.to_owned())),
                None => problems.push(format!(
                    "{name}: the workflow has no input {place}; write NODE.INPUT, such as {:?}.",
                    example(nodes)
                )),
            }
        }
    }
    if problems.is_empty() { Ok((places, slots.contains_key("seed"))) } else { Err(problems) }
}

/// Some input of the workflow, in the spelling of a slot.
fn example(nodes: &Map<String, Value>) -> String {
    let input = |node: &Value| node.get("inputs")?.as_object()?.keys().next().cloned();
    let found = nodes.iter().find_map(|(name, node)| Some(format!("{name}.{}", input(node)?)));
    found.unwrap_or_else(|| "6.text".to_owned())
}

/// The seeds of nodes that `ComfyUI` itself has.
fn seeds(nodes: &Map<String, Value>) -> Vec<(Slot, String, String)> {
    let mut found = Vec::new();
    for (name, node) in nodes {
        let inputs = node.get("inputs").and_then(Value::as_object).into_iter().flatten();
        for (input, value) in inputs {
            if value.is_number() && SEEDS.contains(&input.as_str()) {
                found.push((Slot::Seed, name.clone(), input.clone()));
            }
        }
    }
    found
}

/// Tells of every place holder in the texts of a value.
fn look(value: &Value, found: &mut impl FnMut(Slot)) {
    match value {
        Value::String(text) => pieces(text).for_each(|piece| {
            if let Err(slot) = piece {
                found(slot);
            }
        }),
        Value::Array(list) => list.iter().for_each(|value| look(value, found)),
        Value::Object(map) => map.values().for_each(|value| look(value, found)),
        _ => {}
    }
}

/// Puts values in the place of place holders. What people wrote is not looked at again.
fn fill(value: &mut Value, values: &BTreeMap<Slot, Value>) {
    match value {
        Value::String(text) => {
            let found: Vec<_> = pieces(text).collect();
            if let [Err(slot)] = found.as_slice() {
                *value = values.get(slot).cloned().unwrap_or_else(|| String::new().into());
                return;
            }
            if found.iter().all(Result::is_ok) {
                return;
            }
            let filled = found.into_iter().map(|piece| match piece {
                Ok(words) => words.to_owned(),
                Err(slot) => match values.get(&slot) {
                    Some(Value::String(text)) => text.clone(),
                    Some(other) => other.to_string(),
                    None => String::new(),
                },
            });
            *value = filled.collect::<String>().into();
        }
        Value::Array(list) => list.iter_mut().for_each(|value| fill(value, values)),
        Value::Object(map) => map.values_mut().for_each(|value| fill(value, values)),
        _ => {}
    }
}

/// A text in pieces: words, and place holders such as `%prompt%` between them.
fn pieces(text: &str) -> impl Iterator<Item = Result<&str, Slot>> {
    let mut rest = Some(text).filter(|text| !text.is_empty());
    std::iter::from_fn(move || {
        let text = rest?;
        let first = text.match_indices('%').find_map(|(at, _)| {
            let (name, behind) = text.get(at + 1..)?.split_once('%')?;
            Some((at, Slot::parse(name)?, behind))
        });
        match first {
            None => {
                rest = None;
                Some(Ok(text))
            }
            Some((0, slot, behind)) => {
                rest = Some(behind).filter(|behind| !behind.is_empty());
                Some(Err(slot))
            }
            Some((at, ..)) => {
                let (words, holder) = text.split_at_checked(at)?;
                rest = Some(holder);
                Some(Ok(words))
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "tables read better")]
    fn problem(workflow: &str, extra: Value, key: &str, word: &str) {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), workflow).unwrap();
        let mut section = json!({ "kind": "comfyui", "extra": extra });
        if section["extra"]["workflow"].is_null() {
            section["extra"]["workflow"] = file.path().to_str().unwrap().into();
        }
        let section: ProviderSection = serde_json::from_value(section).unwrap();
        let problems = Workflow::read(&section).map(|_| ()).unwrap_err();
        let found = problems.iter().any(|(at, text)| at == key && text.contains(word));
        assert!(found, "{key} {word}: {problems:?}");
    }

    const GOOD: &str = r#"{ "3": { "class_type": "KSampler", "inputs": { "seed": 5, "model": ["4", 0] } },
        "6": { "class_type": "CLIPTextEncode", "inputs": { "text": "a fox" } } }"#;

    #[test]
    fn whatever_is_wrong_with_a_workflow_is_told() {
        problem(GOOD, json!({}), "extra.slots", "%prompt%");
        problem(GOOD, json!({ "workflow": "no/such/file.json" }), "extra.workflow", "can't be read");
        problem(GOOD, json!({ "workflow": 7 }), "extra.workflow", "missing");
        problem("no json", json!({}), "extra.workflow", "no JSON");
        problem("[]", json!({}), "extra.workflow", "API format");
        problem("{}", json!({}), "extra.workflow", "empty");
        problem(r#"{ "nodes": [], "links": [] }"#, json!({}), "extra.workflow", "editor");
        problem(r#"{ "3": { "inputs": {} } }"#, json!({}), "extra.workflow", "class_type");
        problem(GOOD, json!({ "slots": { "prompt": "6.words" } }), "extra.slots", "6.words");
        problem(GOOD, json!({ "slots": { "prompt": "9.text" } }), "extra.slots", "such as \"3.");
        problem(GOOD, json!({ "slots": { "colour": "6.text" } }), "extra.slots", "no slot");
        problem(GOOD, json!({ "slots": "6.text" }), "extra.slots", "write it like");
        problem(GOOD, json!({ "slots": { "prompt": "6.text", "image2": "6.text" } }), "extra.slots", "gap");
        problem(GOOD, json!({ "slots": { "prompt": "6.text", "model": "3.model" } }), "model", "missing");
        problem(GOOD, json!({ "slots": { "prompt": "6.text" }, "width": 7 }), "extra.width", "pixels");
        problem(GOOD, json!({ "slots": { "prompt": "6.text" }, "steps": 7 }), "extra.steps", "slots");
        let socket = r#"{ "6": { "class_type": "X", "inputs": { "text": "%prompt%" } },
            "9": { "class_type": "SaveImageWebsocket", "inputs": {} } }"#;
        problem(socket, json!({}), "extra.workflow", "SaveImage");
    }

    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "tables read better")]
    fn filled(text: &str, expected: Value) {
        let values = BTreeMap::from([
            (Slot::Prompt, json!("100% of %seed% cats")),
            (Slot::Seed, json!(7)),
            (Slot::Image(2), json!("b.png")),
        ]);
        let mut value = json!(text);
        fill(&mut value, &values);
        assert_eq!(value, expected, "{text}");
    }

    #[test]
    fn place_holders_are_filled_once_and_words_of_people_are_words() {
        filled("%seed%", json!(7));
        filled("%prompt%", json!("100% of %seed% cats"));
        filled("best, %prompt%, seed %seed%", json!("best, 100% of %seed% cats, seed 7"));
        filled("50% %image2%%unknown%", json!("50% b.png%unknown%"));
        filled("%negative%", json!(""));
        filled("", json!(""));
        filled("100%", json!("100%"));
    }
}
