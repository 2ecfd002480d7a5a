//! `easel draw`: one generation through the same engine, by the running easel when there is one.

use std::path::{Path, PathBuf};

use easel_core::command::{Grammar, GrammarConfig, OutputWish, PROMPT_LIMIT, Verb};
use easel_providers::Kind;

use super::{
    Draw, Exit,
    control::{Control, ControlCommand, ControlError},
    speech::Speech,
};
use crate::{
    config::{
        Config, discover,
        problem::{ProblemArg, ProblemText},
    },
    tell, warn,
    wiring::{App, DrawRequest, Drawn, NotDrawn},
};

/// Codes of what is wrong with the command line itself.
const MISUSE: [&str; 5] = ["E-NEEDS-PICTURE", "E-NEEDS-PROMPT", "E-PROMPT-LONG", "E-PROVIDER", "E-SIZE"];

/// Why nothing was drawn.
struct Failure {
    exit: Exit,
    sentence: String,
}

impl Failure {
    /// It did not work.
    fn failed(reason: impl std::fmt::Display) -> Self {
        Self { exit: Exit::Failed, sentence: reason.to_string() }
    }

    fn of(code: &str, sentence: String) -> Self {
        let exit = if MISUSE.contains(&code) { Exit::Wrong } else { Exit::Failed };
        Self { exit, sentence }
    }
}

/// Draws and saves.
pub(crate) async fn run(options: &Draw, config: &Config, speech: &Speech) -> Exit {
    match draw(options, config, speech).await {
        Ok(Drawn { files, sentences }) => {
            for file in files {
                tell(speech.say(&ProblemText::new("cli-saved").with("path", file.display().to_string())));
            }
            for sentence in sentences {
                warn(sentence);
            }
            Exit::Done
        }
        Err(Failure { exit, sentence }) => {
            warn(sentence);
            exit
        }
    }
}

/// What is wrong with the command line, before anything is asked that may cost money: its code and its sentence.
fn misuse(options: &Draw, config: &Config) -> Option<(&'static str, ProblemText)> {
    // Presets are the running configuration's; without them the prompt is as long as it can be.
    let Some(order) = Grammar::new(GrammarConfig::default()).order(Verb::Draw, &options.prompt) else {
        let text = ProblemText::new("error-prompt-too-long").with("limit", PROMPT_LIMIT as u64);
        return Some(("E-PROMPT-LONG", text));
    };
    if order.prompt.is_empty() && options.images.is_empty() {
        let example = ProblemArg::OneOf(vec!["cli-example-draw"]);
        return Some(("E-NEEDS-PROMPT", ProblemText::new("error-needs-prompt").with("example", example)));
    }
    if let Some(size) = options.size.as_deref().filter(|size| OutputWish::parse(size).is_none()) {
        return Some(("E-SIZE", ProblemText::new("error-size").with("size", size)));
    }
    let wished = options.provider.as_deref()?;
    // The engine knows the embedded sketch, which nobody has to configure.
    let sketch = Kind::Sketch.name();
    let mut names = discover::names(config, &|name| std::env::var(name).ok());
    let is_known =
        names.iter().map(String::as_str).chain([sketch]).any(|name| name.eq_ignore_ascii_case(wished));
    if names.is_empty() {
        names.push(sketch.to_owned());
    }
    let text = ProblemText::new("cli-no-provider").with("provider", wished).with("names", names.join(", "));
    (!is_known).then_some(("E-PROVIDER", text))
}

/// The folder of the target that is not there.
fn missing_folder(options: &Draw) -> Option<&Path> {
    let folder = options.output.as_deref().filter(|output| !output.is_dir()).and_then(Path::parent);
    folder.filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir())
}

async fn draw(options: &Draw, config: &Config, speech: &Speech) -> Result<Drawn, Failure> {
    if let Some((code, text)) = misuse(options, config) {
        return Err(Failure::of(code, speech.say(&text.with("code", code))));
    }
    let not_there = |key, path: &Path| {
        Failure::failed(speech.say(&ProblemText::new(key).with("path", path.display().to_string())))
    };
    if let Some(folder) = missing_folder(options) {
        return Err(not_there("cli-no-folder", folder));
    }
    let mut images = Vec::with_capacity(options.images.len());
    for image in &options.images {
        let path = std::path::absolute(image).map_err(Failure::failed)?;
        if !path.is_file() {
            return Err(not_there("cli-no-picture", image));
        }
        images.push(path);
    }
    let output = options.output.as_deref().map(std::path::absolute).transpose().map_err(Failure::failed)?;
    let request = DrawRequest {
        prompt: options.prompt.clone(),
        images,
        provider: options.provider.clone(),
        size: options.size.clone(),
        count: options.count,
    };
    let data_dir = &config.bot.data_dir;
    if let Some(control) = Control::connect(data_dir).await.map_err(Failure::failed)? {
        let DrawRequest { prompt, images, provider, size, count } = request;
        // Without a name the file goes to this process's folder, which the running easel does not know.
        let output = Some(match output {
            Some(output) => output,
            None => std::path::absolute(".").map_err(Failure::failed)?,
        });
        let command = ControlCommand::Draw { prompt, images, output, provider, size, count };
        let answer = control.call(command, |_| {}).await.map_err(|error| {
            let sentence = error.to_string();
            match error {
                ControlError::Refused { code, .. } => Failure::of(&code, sentence),
                ControlError::Broken(_) => Failure::failed(sentence),
            }
        })?;
        let list = |name: &str| {
            let values = answer.rest.get(name).and_then(serde_json::Value::as_array);
            values
                .into_iter()
                .flatten()
                .filter_map(|value| value.as_str().map(str::to_owned))
                .collect::<Vec<_>>()
        };
        let files = list("files").into_iter().map(PathBuf::from).collect();
        return Ok(Drawn { files, sentences: list("sentences") });
    }
    let app =
        App::open(config, data_dir, false).await.map_err(|error| Failure::failed(format!("{error:#}")))?;
    let output = output.unwrap_or_else(|| PathBuf::from("."));
    let drawn = app.draw(request, &output).await;
    app.shutdown(std::time::Duration::from_secs(5)).await;
    drawn.map_err(|NotDrawn { code, sentence }| Failure::of(&code, sentence))
}

/// Where the n-th picture goes: `output` itself, numbered from the second on; a name of its own inside a folder.
pub(crate) fn target(output: &Path, index: usize, name: &str, extension: &str) -> PathBuf {
    if output.is_dir() {
        return output.join(format!("{name}-{}.{extension}", index + 1));
    }
    if index == 0 {
        return output.to_owned();
    }
    let stem = output.file_stem().unwrap_or_default().to_string_lossy();
    let extension = output.extension().map_or_else(|| extension.into(), |own| own.to_string_lossy());
    output.with_file_name(format!("{stem}-{}.{extension}", index + 1))
}
