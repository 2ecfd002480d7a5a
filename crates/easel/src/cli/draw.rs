//! `easel draw`: one generation through the same engine, by the running easel when there is one. The pictures are saved by
//! this process, see [`super::save`].

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use easel_core::command::PROMPT_LIMIT;
use easel_providers::Kind;

use super::{
    Draw, Exit,
    control::{Control, ControlCommand, Told},
    save::{Saving, probe},
    speech::Speech,
};
use crate::{
    config::{
        Config, discover,
        problem::{ProblemArg, ProblemText},
    },
    tell, warn,
    wiring::{App, DrawRequest, Drawn, Made, Platforms},
};

/// Draws and saves.
pub(crate) async fn run(options: &Draw, config: &Config, speech: &Speech) -> Exit {
    match draw(options, config, speech).await {
        Ok(Received { files, sentences, broken }) => {
            let mut exit = if broken { Exit::Failed } else { Exit::Done };
            for Saved { place, kept, problem } in files {
                let path = place.display().to_string();
                let Some(problem) = problem else {
                    tell(speech.say(&ProblemText::new("cli-saved").with("path", path)));
                    continue;
                };
                exit = Exit::Failed;
                let text = ProblemText::new("cli-not-saved").with("path", path);
                warn(speech.say(&text.with("reason", problem.to_string())));
                if let Some(kept) = kept {
                    warn(speech.say(&ProblemText::new("cli-kept").with("path", kept.display().to_string())));
                }
            }
            for sentence in sentences {
                warn(sentence);
            }
            exit
        }
        Err(sentence) => {
            warn(sentence);
            Exit::Failed
        }
    }
}

/// What has come, and where it is now.
#[derive(Debug, Default)]
struct Received {
    files: Vec<Saved>,
    sentences: Vec<String>,
    /// The running easel went away before it had told everything.
    broken: bool,
}

/// A picture that was saved, or was to be.
#[derive(Debug)]
struct Saved {
    place: PathBuf,
    /// Where easel itself keeps it for a while.
    kept: Option<PathBuf>,
    problem: Option<io::Error>,
}

/// Saves pictures as they come.
struct Saver<'a> {
    output: &'a Path,
    files: Vec<Saved>,
    open: Option<(Saving, Option<PathBuf>)>,
}

impl<'a> Saver<'a> {
    fn new(output: &'a Path) -> Self {
        Self { output, files: Vec::new(), open: None }
    }

    /// The last picture has all its bytes, and another one of this name begins.
    fn begin(&mut self, name: &str, kept: Option<PathBuf>) {
        self.end(Ok(()));
        self.open = Some((Saving::at(target(self.output, self.files.len(), name)), kept));
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some((saving, _)) = &mut self.open {
            saving.write(bytes);
        }
    }

    /// No more bytes come for the open picture: all were there, or this is why not.
    fn end(&mut self, came: io::Result<()>) {
        let Some((saving, kept)) = self.open.take() else { return };
        let place = saving.place().to_owned();
        let problem = came.and_then(|()| saving.finish().map(drop)).err();
        self.files.push(Saved { place, kept, problem });
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
    if let Some(folder) = folder.filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        return Some(ProblemText::new("cli-no-folder").with("path", folder.display().to_string()));
    }
    let output = options.output.as_deref().unwrap_or(Path::new("."));
    let problem = probe(output).err()?;
    let text = ProblemText::new("cli-not-writable").with("path", output.display().to_string());
    Some(text.with("reason", problem.to_string()))
}

async fn draw(options: &Draw, config: &Config, speech: &Speech) -> Result<Received, String> {
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
    let output = options.output.as_deref().unwrap_or(Path::new("."));
    let mut saver = Saver::new(output);
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
        let command = ControlCommand::Draw { prompt, images, provider, size, count };
        let answer = control.receive(command, |told| match told {
            Told::Line(line) => saver.begin(line.text("name"), line.rest.get("kept").and_then(path_of)),
            Told::Bytes(bytes) => saver.write(bytes),
        });
        return match answer.await {
            Ok(answer) => {
                saver.end(Ok(()));
                let told = answer.rest.get("sentences").and_then(serde_json::Value::as_array);
                let sentences =
                    told.into_iter().flatten().filter_map(|value| Some(value.as_str()?.to_owned()));
                Ok(Received { files: saver.files, sentences: sentences.collect(), broken: false })
            }
            Err(error) => {
                saver.end(Err(io::ErrorKind::UnexpectedEof.into()));
                if saver.files.is_empty() {
                    return Err(error.to_string());
                }
                Ok(Received { files: saver.files, sentences: vec![error.to_string()], broken: true })
            }
        };
    }
    let app = App::open(config, data_dir, false).await.map_err(|error| format!("{error:#}"))?;
    let drawn = app.draw(request).await;
    if let Ok(Drawn { pictures, .. }) = &drawn {
        for Made { name, body, kept } in pictures {
            saver.begin(name, kept.clone());
            let came = saver.open.as_mut().map_or(Ok(()), |(saving, _)| saving.copy(body));
            saver.end(came);
        }
    }
    app.shutdown(Duration::from_secs(5), &mut Platforms::new()).await;
    drawn.map(|Drawn { sentences, .. }| Received { files: saver.files, sentences, broken: false })
}

fn path_of(value: &serde_json::Value) -> Option<PathBuf> {
    value.as_str().map(PathBuf::from)
}

/// Where the n-th picture goes: `output` itself, numbered from the second on; by its own name inside a folder.
fn target(output: &Path, index: usize, name: &str) -> PathBuf {
    // A name, never a path, whoever it is that answers.
    let name = Path::new(Path::new(name).file_name().unwrap_or_default());
    if output.is_dir() {
        return output.join(name);
    }
    if index == 0 {
        return output.to_owned();
    }
    let stem = output.file_stem().unwrap_or_default().to_string_lossy();
    let ending = output.extension().or(name.extension()).unwrap_or_default().to_string_lossy();
    output.with_file_name(format!("{stem}-{}.{ending}", index + 1))
}
