//! From an answer that claims success to its result: the pictures that it carries or leads to, or its clip.

use easel_core::{
    error::{ErrorClass, ProviderError},
    media::{Clip, ClipFormat, Picture},
    ports::{CallContext, GenerateRequest, Generated, GeneratedPicture, Operation, StoreError},
};

use crate::{
    answer::{
        Answer, Content, Slot,
        candidates::{Choice, Found, Place},
    },
    classify,
    exchange::{Answered, Wire},
    results::{After, HEAD},
};

/// Links that are tried beyond the wished pictures, when others lead nowhere.
const SPARE_LINKS: usize = 3;

impl Wire {
    /// The result of an answer.
    pub(crate) async fn gather(
        &self,
        answered: &Answered,
        request: &GenerateRequest,
        cx: &CallContext,
    ) -> Result<Generated, ProviderError> {
        let choice = self.dialect.choose(&answered.answer);
        if choice.found.is_empty() {
            return Err(self.nothing(answered, &choice, request, cx));
        }
        let mut generated = if request.operation == Operation::Clip {
            let clip = self.clip(&answered.answer, choice.found, cx).await;
            clip.map(|clip| Generated { clip: Some(clip), ..Generated::default() })
        } else {
            let pictures = self.pictures(&answered.answer, choice, request, cx).await;
            pictures.map(|pictures| Generated { pictures, ..Generated::default() })
        }
        .map_err(|mut lost| {
            lost.status = lost.status.or(Some(answered.status));
            lost.request_id = classify::request_id(&answered.headers);
            lost
        })?;
        generated.request_id = classify::request_id(&answered.headers);
        generated.usage = self.dialect.usage(&answered.answer);
        Ok(generated)
    }

    /// What a success without a result is.
    fn nothing(
        &self,
        answered: &Answered,
        Choice { said, unusable, .. }: &Choice,
        request: &GenerateRequest,
        cx: &CallContext,
    ) -> ProviderError {
        let (prompt, redactor) = (&*request.prompt, self.redactor(cx));
        let judge =
            if request.operation == Operation::Clip { classify::no_clip } else { classify::no_picture };
        let failure = judge(&answered.answer, said, *unusable, prompt);
        let mut error = failure.into_error(&self.name, &answered.facts(prompt, &redactor));
        error.said = redactor.redact(said);
        error
    }

    /// As many pictures as wished. Part of a paid result is better than none.
    async fn pictures(
        &self,
        answer: &Answer,
        Choice { found, last_first, .. }: Choice,
        request: &GenerateRequest,
        cx: &CallContext,
    ) -> Result<Vec<GeneratedPicture>, ProviderError> {
        let wished = usize::from(request.count.max(1));
        let mut links = wished + SPARE_LINKS;
        let mut pictures = Vec::with_capacity(wished.min(found.len()));
        let mut lost = None;
        let ordered: Box<dyn Iterator<Item = Found> + Send> =
            if last_first { Box::new(found.into_iter().rev()) } else { Box::new(found.into_iter()) };
        for Found { place, revised_prompt } in ordered {
            if pictures.len() == wished {
                break;
            }
            if !matches!(place, Place::Slot(_)) {
                let Some(left) = links.checked_sub(1) else { continue };
                links = left;
            }
            let after = if pictures.len() + 1 < wished { After::Another } else { After::Nothing };
            match self.picture_at(place, answer, after, cx).await {
                Ok(picture) => pictures.push(GeneratedPicture { picture, revised_prompt }),
                // The first one tried was the likeliest, so its failure says most.
                Err(error) => lost = lost.or(Some(error)),
            }
        }
        if last_first {
            pictures.reverse();
        }
        match lost {
            Some(error) if pictures.is_empty() => Err(error),
            lost => {
                if let Some(error) = lost.filter(|_| pictures.len() < wished) {
                    tracing::warn!(provider = %self.name, %error, "part of a result is lost");
                }
                Ok(pictures)
            }
        }
    }

    /// The picture that an answer carries or leads to.
    async fn picture_at(
        &self,
        place: Place,
        answer: &Answer,
        after: After,
        cx: &CallContext,
    ) -> Result<Picture, ProviderError> {
        match place {
            Place::Slot(index) => answer
                .slots
                .get(index)
                .and_then(picture_of)
                .ok_or_else(|| self.unreadable_result("the picture's header can't be read")),
            place => self.fetch(&self.address_of(&place)?, after, cx).await,
        }
    }

    /// The first clip that an answer carries or leads to.
    async fn clip(
        &self,
        answer: &Answer,
        found: Vec<Found>,
        cx: &CallContext,
    ) -> Result<Clip, ProviderError> {
        let mut lost = None;
        for Found { place, .. } in found.into_iter().take(1 + SPARE_LINKS) {
            let fetched = match (&place, self.address_of(&place)) {
                (Place::Slot(index), _) => {
                    self.carried_clip(answer.slots.get(*index), cx.clip_limits.max_bytes)
                }
                (_, Ok(address)) => self.fetch_clip(&address, cx).await,
                (_, Err(error)) => Err(error),
            };
            match fetched {
                Ok(clip) => return Ok(clip),
                Err(error) => lost = lost.or(Some(error)),
            }
        }
        Err(lost.unwrap_or_else(|| self.unreadable_result("the answer leads to no clip")))
    }

    /// The clip in a slot, which may be no longer than one that is fetched.
    #[expect(clippy::result_large_err, reason = "the port's own error type, made once per failed call")]
    fn carried_clip(&self, slot: Option<&Slot>, max_bytes: u64) -> Result<Clip, ProviderError> {
        let body = slot.filter(|slot| slot.is_clip()).and_then(|slot| slot.body.clone());
        let body = body.ok_or_else(|| self.unreadable_result("the answer holds no whole clip"))?;
        if body.len() > max_bytes {
            return Err(self.unreadable_result(&format!("the clip is longer than {max_bytes} bytes")));
        }
        let head = body.read_head(HEAD).map_err(|error| {
            let mut lost = self.unreadable_result("a result could not be kept");
            lost.local = Some(StoreError::Io(format!("a result could not be read back: {error}")));
            lost
        })?;
        let format = ClipFormat::sniff(&head);
        let format =
            format.ok_or_else(|| self.unreadable_result("the answer holds no clip that people can see"))?;
        Ok(Clip { format, body, link: None })
    }

    /// The address of a place that is one.
    #[expect(clippy::result_large_err, reason = "the port's own error type, made once per failed call")]
    fn address_of(&self, place: &Place) -> Result<String, ProviderError> {
        match place {
            Place::Url(url) => Ok(url.clone()),
            // From the root of the host, or below the base address.
            Place::Path(path) if path.starts_with('/') => match self.base.url().join(path) {
                Ok(url) => Ok(url.into()),
                Err(_) => Err(self.unreadable_result("unreadable result path")),
            },
            Place::Path(path) => Ok(self.base.join(path).into()),
            Place::Slot(_) => Err(self.unreadable_result("the answer holds bytes where a link belongs")),
        }
    }

    fn unreadable_result(&self, detail: &str) -> ProviderError {
        ProviderError::new(&*self.name, ErrorClass::ResultLost, detail)
    }
}

/// The picture in a slot.
fn picture_of(slot: &Slot) -> Option<Picture> {
    let Content::Picture(format) = slot.content else { return None };
    let (width, height) = slot.size.filter(|(width, height)| *width > 0 && *height > 0)?;
    Some(Picture { format, width, height, body: slot.body.clone()? })
}
