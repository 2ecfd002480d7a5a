//! `easel draw`: one generation through the same engine, by the running easel when there is one. The pictures are saved by
//! this process, see [`super::save`].

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use easel_core::{
    command::{Grammar, GrammarConfig, OutputWish, PROMPT_LIMIT, Verb},
    media::PictureFormat,
};
use easel_providers::Kind;

use super::{
    Draw, Exit,
    control::{Control, ControlCommand, ControlError, Told},
    convert::fit,
    plain::cause,
    run::explain,
    save::{Saving, probe},
    speech::Speech,
};
use crate::{
    config::{
        Config, discover,
        problem::{ProblemArg, ProblemText},
    },
    tell, warn,
    wiring::{App, DrawRequest, Drawn, Made, NotDrawn, Platforms},
};

/// Numbers that are tried for the name of a picture in a folder.
const MOST_NAMES: usize = 1_000_000;

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

    /// The command line is wrong.
    fn misuse(sentence: String) -> Self {
        Self { exit: Exit::Wrong, sentence }
    }
}

/// Draws and saves.
pub(crate) async fn run(options: &Draw, config: &Config, speech: &Speech) -> Exit {
    match draw(options, config, speech).await {
        Ok(Received { files, sentences, broken }) => {
            let mut exit = if broken { Exit::Failed } else { Exit::Done };
            for Saved { place, kept, problem, odd } in files {
                let path = place.display().to_string();
                let Some(problem) = problem else {
                    tell(speech.say(&ProblemText::new("cli-saved").with("path", path.clone())));
                    if let Some(format) = odd {
                        let text = ProblemText::new("cli-other-format").with("path", path);
                        warn(speech.say(&text.with("format", format.extension().to_uppercase())));
                    }
                    continue;
                };
                exit = Exit::Failed;
                let text = ProblemText::new("cli-not-saved").with("path", path);
                warn(speech.say(&text.with("reason", cause(problem))));
                if let Some(kept) = kept {
                    warn(speech.say(&ProblemText::new("cli-kept").with("path", kept.display().to_string())));
                }
            }
            for sentence in sentences {
                warn(sentence);
            }
            exit
        }
        Err(Failure { exit, sentence }) => {
            warn(sentence);
            exit
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
    /// What it is, where its name promises another format.
    odd: Option<PictureFormat>,
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
        let odd = if problem.is_none() { fit(&place) } else { None };
        self.files.push(Saved { place, kept, problem, odd });
    }
}

/// What is wrong with the command line, before anything is asked that may cost money: its code and its sentence.
fn misuse(options: &Draw) -> Option<(&'static str, ProblemText)> {
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
    None
}

/// A provider that nobody has configured here. A running easel knows its own: its environment may be another one.
fn unknown_provider(options: &Draw, config: &Config) -> Option<ProblemText> {
    let wished = options.provider.as_deref()?;
    // The engine knows the embedded sketch, which nobody has to configure.
    let sketch = Kind::Sketch.name();
    let mut names = discover::names(config, &|name| std::env::var(name).ok());
    let is_known =
        names.iter().map(String::as_str).chain([sketch]).any(|name| name.eq_ignore_ascii_case(wished));
    if names.is_empty() {
        names.push(sketch.to_owned());
    }
    let text =
        ProblemText::new("cli-no-provider").with("provider", wished).with("names", ProblemArg::names(names));
    (!is_known).then_some(text)
}

/// The folder of the target that is not there.
fn missing_folder(options: &Draw) -> Option<&Path> {
    let folder = options.output.as_deref().filter(|output| !output.is_dir()).and_then(Path::parent);
    folder.filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir())
}

/// What keeps the target from being written, seen before anything is asked that may cost money.
fn unwritable(options: &Draw) -> Option<ProblemText> {
    if let Some(folder) = missing_folder(options) {
        return Some(ProblemText::new("cli-no-folder").with("path", folder.display().to_string()));
    }
    let output = options.output.as_deref().unwrap_or(Path::new("."));
    let problem = probe(output).err()?;
    let text = ProblemText::new("cli-not-writable").with("path", output.display().to_string());
    Some(text.with("reason", cause(problem)))
}

async fn draw(options: &Draw, config: &Config, speech: &Speech) -> Result<Received, Failure> {
    if let Some((code, text)) = misuse(options) {
        return Err(Failure::misuse(speech.say(&text.with("code", code))));
    }
    if let Some(text) = unwritable(options) {
        return Err(Failure::failed(speech.say(&text)));
    }
    let mut images = Vec::with_capacity(options.images.len());
    for image in &options.images {
        let path = std::path::absolute(image).map_err(Failure::failed)?;
        if !path.is_file() {
            let text = ProblemText::new("cli-no-picture").with("path", image.display().to_string());
            return Err(Failure::misuse(speech.say(&text)));
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
    if let Some(control) = Control::connect(data_dir).await.map_err(Failure::failed)? {
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
                let sentence = error.to_string();
                if !saver.files.is_empty() {
                    return Ok(Received { files: saver.files, sentences: vec![sentence], broken: true });
                }
                Err(match error {
                    ControlError::Refused { misuse: true, .. } => Failure::misuse(sentence),
                    ControlError::Refused { .. } | ControlError::Broken(_) => Failure::failed(sentence),
                })
            }
        };
    }
    if let Some(text) = unknown_provider(options, config) {
        return Err(Failure::misuse(speech.say(&text)));
    }
    let app = App::open(config, data_dir, false)
        .await
        .map_err(|error| Failure::failed(explain(&error, config, speech)))?;
    let drawn = app.draw(request).await;
    if let Ok(Drawn { pictures, .. }) = &drawn {
        for Made { name, body, kept } in pictures {
            saver.begin(name, kept.clone());
            let came = saver.open.as_mut().map_or(Ok(()), |(saving, _)| saving.copy(body));
            saver.end(came);
        }
    }
    app.shutdown(Duration::from_secs(5), &mut Platforms::new()).await;
    let Drawn { sentences, .. } =
        drawn.map_err(
            |NotDrawn { sentence, misuse, .. }| {
                if misuse { Failure::misuse(sentence) } else { Failure::failed(sentence) }
            },
        )?;
    Ok(Received { files: saver.files, sentences, broken: false })
}

fn path_of(value: &serde_json::Value) -> Option<PathBuf> {
    value.as_str().map(PathBuf::from)
}

/// Where the n-th picture goes: `output` itself, numbered from the second on; inside a folder by the first free number.
fn target(output: &Path, index: usize, name: &str) -> PathBuf {
    // A name, never a path, whoever it is that answers.
    let name = Path::new(Path::new(name).file_name().unwrap_or_default());
    if output.is_dir() {
        let ending = name.extension().unwrap_or_default().to_string_lossy();
        let numbered = (1_u32..).map(|number| output.join(format!("easel-{number}.{ending}")));
        // Every one of them taken is no folder that exists.
        return numbered.take(MOST_NAMES).find(|place| !place.exists()).unwrap_or_else(|| output.join(name));
    }
    if index == 0 {
        return output.to_owned();
    }
    let stem = output.file_stem().unwrap_or_default().to_string_lossy();
    let ending = output.extension().or(name.extension()).unwrap_or_default().to_string_lossy();
    output.with_file_name(format!("{stem}-{}.{ending}", index + 1))
}
