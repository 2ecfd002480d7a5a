//! `stable-diffusion.cpp`'s own server (`sd-server`).
//!
//! Facts: `stable-diffusion.cpp`, `examples/server`, API document. Its Images API knows `prompt`, `n`, `size`,
//! `output_format` and `output_compression` and answers in base64; everything else (steps, sampler, seed …) goes
//! *inside the prompt* as `<sd_cpp_extra_args>{…}</sd_cpp_extra_args>`. So people's prompts could steer the engine: such
//! tags of theirs are disarmed ([`control_words`]) before the owner's are added. The size is asked for as
//! [`own_engines`] says.
//!
//! `extra` goes out as it is (`size` …), except:
//! - `args`: a table that goes into the prompt as the engine's extra arguments, for example `{ steps = 20 }`.
//! - `lora = true`: people may write `<lora:…>` themselves.
//! - `mask = "last"`: as in [`openai_images`].

use easel_core::ports::{GenerateRequest, Operation};
use serde_json::{Map, Value};

use crate::{
    control_words,
    dialect::{Ask, Dialect, Draft, Limits},
    openai_images, own_engines,
};

const OWN: [&str; 3] = ["args", "lora", "mask"];
const TAG: &str = "sd_cpp_extra_args";

/// The dialect.
pub(crate) struct SdCpp;

impl Dialect for SdCpp {
    fn free(&self) -> bool {
        true
    }

    fn limits(&self, _: &str) -> Limits {
        own_engines::limits()
    }

    fn draft(&self, ask: &Ask<'_>) -> Draft {
        let (request, extra) = (ask.request, &ask.settings.extra);
        let fields = own_engines::fields(ask, prompt(request, extra), &OWN);
        match request.operation {
            Operation::Edit => {
                let (references, mask) = openai_images::masked(extra, &request.references);
                openai_images::form_edit(fields, references, mask, ask.known.plain_image_field, true)
            }
            _ => openai_images::generation(fields),
        }
    }
}

/// The person's words without control tags, and the owner's arguments behind them.
fn prompt(request: &GenerateRequest, extra: &Map<String, Value>) -> String {
    let trusted = extra.get("lora") == Some(&Value::Bool(true));
    let words = if trusted {
        control_words::without_arguments(&request.prompt)
    } else {
        control_words::without_tags(&request.prompt)
    };
    match extra.get("args") {
        Some(args @ Value::Object(_)) => format!("{words} <{TAG}>{args}</{TAG}>"),
        _ => words.into_owned(),
    }
}
