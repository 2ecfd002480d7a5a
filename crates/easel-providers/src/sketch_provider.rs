//! The embedded offline provider: the drawing engine of [`crate::sketch`] behind the provider port.
//!
//! Needs no key and no network, and never costs anything. Drawing and decoding are CPU work, so they run on blocking
//! threads, no more of them at a time than the machine has cores; requests beyond that wait.

use std::sync::Arc;

use async_trait::async_trait;
use easel_core::{
    error::{ErrorClass, ProviderError, Retry},
    media::{Picture, PictureFormat, decode_to_fit},
    ports::{
        CallContext, Capabilities, GenerateRequest, Generated, GeneratedPicture, Operation, Output, Provider,
    },
};
use image::RgbaImage;
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::{
    config::ProviderSection,
    sizes,
    sketch::{self, MAX_SIDE, MIN_SIDE, ReferencePixels, SketchRequest},
};

/// References that are looked at.
const MAX_REFERENCES: usize = 6;
/// Pictures per request.
const MAX_COUNT: u8 = 9;
/// References are drawn from at this size at most: more can't be seen in the result.
const WORKING_SIDE: u32 = 1536;
/// Longest side of an edit when no size was wished.
const EDIT_SIDE: u32 = 1280;

struct Sketch {
    name: Arc<str>,
    seed: u64,
    edit: bool,
    room: Arc<Semaphore>,
}

pub(crate) fn build(name: &str, section: &ProviderSection) -> Arc<dyn Provider> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Arc::new(Sketch {
        name: name.into(),
        seed: section.extra.get("seed").and_then(Value::as_u64).unwrap_or(0),
        edit: section.supports_edit.unwrap_or(true),
        room: Arc::new(Semaphore::new(cores)),
    })
}

#[async_trait]
impl Provider for Sketch {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "sketch"
    }

    fn model(&self) -> &'static str {
        ""
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            generate: true,
            edit: self.edit,
            max_references: MAX_REFERENCES,
            max_count: MAX_COUNT,
            free: true,
            ..Capabilities::default()
        }
    }

    async fn generate(
        &self,
        request: &GenerateRequest,
        cx: &CallContext,
    ) -> Result<Generated, ProviderError> {
        let mut pictures = Vec::with_capacity(request.count.into());
        for index in 0..request.count.clamp(1, MAX_COUNT) {
            let permit = tokio::select! {
                biased;
                () = cx.cancel.cancelled() => return Err(self.stopped("cancelled")),
                () = tokio::time::sleep_until(cx.deadline) => return Err(self.stopped("out of time")),
                permit = Arc::clone(&self.room).acquire_owned() => permit,
            };
            let (request, spool, seed) = (request.clone(), cx.spool.clone(), self.seed);
            // Not abandoned on cancellation: a blocking thread can't be stopped, and it keeps its permit until it is
            // done.
            let drawn = tokio::task::spawn_blocking(move || {
                let _permit = permit;
                let picture = draw(&request, seed, index.into())?;
                let mut sink = spool.sink(picture.1.len() as u64);
                sink.write(&picture.1).map_err(|error| Trouble::Broken(error.to_string()))?;
                let body = sink.finish().map_err(|error| Trouble::Broken(error.to_string()))?;
                let (width, height) = picture.0;
                Ok(Picture { format: PictureFormat::Png, width, height, body })
            });
            let drawn = tokio::select! {
                drawn = drawn => drawn,
                () = cx.cancel.cancelled() => return Err(self.stopped("cancelled")),
            };
            let picture = match drawn {
                Ok(Ok(picture)) => picture,
                Ok(Err(trouble)) => return Err(self.trouble(trouble)),
                Err(panic) => return Err(self.trouble(Trouble::Broken(panic.to_string()))),
            };
            pictures.push(GeneratedPicture { picture, revised_prompt: None });
        }
        Ok(Generated { pictures, ..Generated::default() })
    }
}

/// Why nothing was drawn.
enum Trouble {
    /// The reference can't be read.
    Reference(String),
    /// Anything else.
    Broken(String),
}

impl Sketch {
    fn stopped(&self, why: &str) -> ProviderError {
        let mut error = ProviderError::new(&*self.name, ErrorClass::Overload, why);
        error.retry = Retry::Never;
        error
    }

    fn trouble(&self, trouble: Trouble) -> ProviderError {
        let mut error = match trouble {
            Trouble::Reference(detail) => ProviderError::new(&*self.name, ErrorClass::BadRequest, detail),
            Trouble::Broken(detail) => ProviderError::new(&*self.name, ErrorClass::Overload, detail),
        };
        error.retry = Retry::NextProvider;
        error
    }
}

/// Size and PNG of one picture. Blocking.
fn draw(request: &GenerateRequest, seed: u64, index: u32) -> Result<((u32, u32), Vec<u8>), Trouble> {
    let decoded: Vec<RgbaImage> = request
        .references
        .iter()
        .take(MAX_REFERENCES)
        .map(|reference| decode(&reference.picture))
        .collect::<Result<_, _>>()?;
    let references: Vec<ReferencePixels<'_>> = decoded
        .iter()
        .map(|picture| ReferencePixels {
            width: picture.width(),
            height: picture.height(),
            rgba: picture.as_raw(),
        })
        .collect();
    let edit = request.operation == Operation::Edit && !references.is_empty();
    let shape = references.first().filter(|_| edit).map(|first| (first.width, first.height));
    let (width, height) = size(&request.output, shape);
    let broken = |error: sketch::SketchError| Trouble::Broken(error.to_string());
    let picture = sketch::draw(&SketchRequest {
        prompt: &request.prompt,
        title: request.title.as_deref().unwrap_or(&request.prompt),
        seed,
        width,
        height,
        references: &references,
        index,
        edit,
    })
    .map_err(broken)?;
    let png = sketch::encode_png(&picture).map_err(broken)?;
    Ok(((width, height), png))
}

/// The size to draw: the wish, else the shape of the picture that is edited, else a square.
fn size(wish: &Output, edited: Option<(u32, u32)>) -> (u32, u32) {
    let (width, height) = sizes::wished(wish).unwrap_or_else(|| {
        let (w, h) = edited.unwrap_or((1024, 1024));
        let longest = w.max(h).max(1);
        let target = if edited.is_some() { EDIT_SIDE.min(longest.max(768)) } else { longest };
        let scaled = |side: u32| {
            u32::try_from(u64::from(side) * u64::from(target) / u64::from(longest)).unwrap_or(target)
        };
        (scaled(w), scaled(h))
    });
    (width.clamp(MIN_SIDE, MAX_SIDE), height.clamp(MIN_SIDE, MAX_SIDE))
}

/// The pixels of a reference, no more of them than the drawing needs.
fn decode(picture: &Picture) -> Result<RgbaImage, Trouble> {
    let unusable = |error: &dyn std::error::Error| Trouble::Reference(error.to_string());
    let bytes = picture.body.read().map_err(|error| unusable(&error))?;
    let pixels = decode_to_fit(&bytes, picture.format, WORKING_SIDE).map_err(|error| unusable(&error))?;
    Ok(pixels.into_rgba8())
}

#[cfg(test)]
mod tests {
    use easel_core::media::Body;

    use super::*;

    #[test]
    fn sizes_follow_the_wish_then_the_edited_picture() {
        let open = Output::default();
        assert_eq!(size(&open, None), (1024, 1024));
        assert_eq!(size(&open, Some((3000, 1500))), (1280, 640));
        assert_eq!(size(&open, Some((400, 200))), (768, 384));
        assert_eq!(size(&open, Some((5000, 5))), (1280, 256));
        assert_eq!(size(&Output { ratio: Some((16, 9)), ..open }, Some((9, 9))), (1280, 720));
        assert_eq!(size(&Output { size: Some((300, 9000)), ..open }, None), (300, 4096));
    }

    #[test]
    fn a_bomb_is_refused_before_it_is_decoded() {
        for bytes in [easel_testkit::pictures::bomb_png(), easel_testkit::pictures::truncated_png()] {
            let body = Body::from_bytes(bytes);
            assert!(decode(&Picture { format: PictureFormat::Png, width: 1, height: 1, body }).is_err());
        }
    }
}
