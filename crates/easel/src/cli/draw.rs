//! `easel draw`: one generation through the same engine, by the running easel when there is one.

use std::path::{Path, PathBuf};

use easel_core::command::PROMPT_LIMIT;
use easel_providers::Kind;

use super::{
    Draw, Exit,
    control::{Control, ControlCommand},
    speech::Speech,
};
use crate::{
    config::{
        Config, discover,
        problem::{ProblemArg, ProblemText},
    },
    tell, warn,
    wiring::{App, DrawRequest, Drawn},
};

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
        Err(sentence) => {
            warn(sentence);
            Exit::Failed
        }
    }
}

/// What is wrong with the words and the target, before anything is asked that may cost money.
fn mistake(options: &Draw, config: &Config) -> Option<ProblemText> {
    let prompt = options.prompt.trim();
    if prompt.is_empty() && options.images.is_empty() {
        let example = ProblemArg::OneOf(vec!["cli-example-draw"]);
        let text = ProblemText::new("error-needs-prompt").with("example", example);
        return Some(text.with("code", "E-NEEDS-PROMPT"));
    }
    if prompt.chars().count() > PROMPT_LIMIT {
        let text = ProblemText::new("error-prompt-too-long").with("limit", PROMPT_LIMIT as u64);
        return Some(text.with("code", "E-PROMPT-LONG"));
    }
    if let Some(wished) = &options.provider {
        let environment = |name: &str| std::env::var(name).ok();
        let names = discover::names(config, &environment);
        // The engine knows the embedded sketch, which nobody has to configure.
        let is_known = names.is_empty() || wished.eq_ignore_ascii_case(Kind::Sketch.name());
        if !is_known && !names.iter().any(|name| name.eq_ignore_ascii_case(wished)) {
            let text = ProblemText::new("cli-no-provider").with("provider", wished.as_str());
            return Some(text.with("names", ProblemArg::names(names)));
        }
    }
    let folder = options.output.as_deref().filter(|output| !output.is_dir()).and_then(Path::parent);
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir())?;
    Some(ProblemText::new("cli-no-folder").with("path", folder.display().to_string()))
}

async fn draw(options: &Draw, config: &Config, speech: &Speech) -> Result<Drawn, String> {
    if let Some(mistake) = mistake(options, config) {
        return Err(speech.say(&mistake));
    }
    let mut images = Vec::with_capacity(options.images.len());
    for image in &options.images {
        let path = std::path::absolute(image).map_err(|error| error.to_string())?;
        if !path.is_file() {
            return Err(
                speech.say(&ProblemText::new("cli-no-picture").with("path", image.display().to_string()))
            );
        }
        images.push(path);
    }
    let output =
        options.output.as_deref().map(std::path::absolute).transpose().map_err(|error| error.to_string())?;
    let request = DrawRequest {
        prompt: options.prompt.clone(),
        images,
        provider: options.provider.clone(),
        size: options.size.clone(),
        count: options.count,
    };
    let data_dir = &config.bot.data_dir;
    if let Some(control) = Control::connect(data_dir).await.map_err(|error| error.to_string())? {
        let DrawRequest { prompt, images, provider, size, count } = request;
        // Without a name the file goes to this process's folder, which the running easel does not know.
        let output = Some(match output {
            Some(output) => output,
            None => std::path::absolute(".").map_err(|error| error.to_string())?,
        });
        let command = ControlCommand::Draw { prompt, images, output, provider, size, count };
        let answer = control.call(command, |_| {}).await.map_err(|error| error.to_string())?;
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
    let app = App::open(config, data_dir, false).await.map_err(|error| format!("{error:#}"))?;
    let output = output.unwrap_or_else(|| PathBuf::from("."));
    let drawn = app.draw(request, &output).await;
    app.shutdown(std::time::Duration::from_secs(5)).await;
    drawn
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
