//! Makes references fit what a service takes: its formats, the bytes of one and of all of them, the longest side.
//!
//! What fits passes byte for byte. What can't be made to fit passes as well, and the service says what it thinks of it.

use std::sync::Arc;

use easel_core::{
    media::{MAX_SIDE, Picture, PictureFormat, Spool, made_to_fit},
    ports::{GenerateRequest, Reference},
};

use crate::dialect::Pictures;

/// The request with references that fit; `None` when all of them do. The copies lie in `spool`.
pub(crate) async fn fitted(
    request: &GenerateRequest,
    limits: Pictures,
    spool: &Spool,
    provider: &str,
) -> Option<GenerateRequest> {
    let most = share(limits, &request.references);
    let fits = move |reference: &Reference| is_taken(&reference.picture, limits, most);
    if request.references.iter().all(fits) {
        return None;
    }
    let (given, spool, name) = (Arc::clone(&request.references), spool.clone(), provider.to_owned());
    let each = move |reference: &Reference| {
        if fits(reference) {
            return reference.clone();
        }
        match copied(&reference.picture, limits, most, &spool) {
            Ok(picture) => Reference { picture },
            Err(error) => {
                tracing::warn!(
                    provider = name,
                    error,
                    "a reference picture can't be made to fit the service"
                );
                reference.clone()
            }
        }
    };
    let fitted = tokio::task::spawn_blocking(move || given.iter().map(each).collect::<Arc<[_]>>()).await;
    fitted.ok().map(|references| GenerateRequest { references, ..request.clone() })
}

/// Bytes that one reference may have, where that matters.
fn share(limits: Pictures, references: &[Reference]) -> Option<u64> {
    let bytes = references.iter().map(|reference| reference.picture.body.len()).sum::<u64>();
    let equal = |together: u64| together / u64::try_from(references.len()).unwrap_or(u64::MAX).max(1);
    let share = limits.together.filter(|together| bytes > *together).map(equal);
    share.into_iter().chain(limits.bytes).min()
}

fn is_taken(picture: &Picture, limits: Pictures, most: Option<u64>) -> bool {
    (limits.webp || picture.format != PictureFormat::Webp)
        && most.is_none_or(|most| picture.body.len() <= most)
        && limits.side.is_none_or(|side| picture.width.max(picture.height) <= side)
}

/// A copy that fits. Blocking.
fn copied(picture: &Picture, limits: Pictures, most: Option<u64>, spool: &Spool) -> Result<Picture, String> {
    let (side, bytes) = (limits.side.unwrap_or(MAX_SIDE), most.unwrap_or(u64::MAX));
    let copy = made_to_fit(picture, side, bytes).map_err(|problem| problem.to_string())?;
    let encoded = copy.body.read().map_err(|error| error.to_string())?;
    let mut sink = spool.sink(copy.body.len());
    sink.write(&encoded).map_err(|error| error.to_string())?;
    let body = sink.finish().map_err(|error| error.to_string())?;
    Ok(Picture { body, ..copy })
}

#[cfg(test)]
mod tests {
    use easel_core::{
        media::{Body, BytesBudget},
        ports::{Operation, Output},
    };
    use easel_testkit::pictures;

    use super::*;

    const SMALL: Pictures =
        Pictures { webp: false, bytes: Some(20_000), together: Some(30_000), side: Some(100) };

    fn given(format: PictureFormat, width: u32, height: u32) -> Reference {
        let bytes = match format {
            PictureFormat::Webp => pictures::webp(width, height, 1),
            PictureFormat::Jpeg => pictures::jpeg(width, height, 1),
            _ => pictures::png(width, height, 1),
        };
        Reference { picture: Picture { format, width, height, body: Body::from_bytes(bytes) } }
    }

    async fn fit(limits: Pictures, references: &[Reference]) -> Option<Vec<Picture>> {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::new(BytesBudget::new(1 << 20), dir.path()).unwrap();
        let request = GenerateRequest {
            operation: Operation::Edit,
            prompt: "p".into(),
            title: None,
            references: references.into(),
            output: Output::default(),
            count: 1,
        };
        let fitted = fitted(&request, limits, &spool, "a").await?;
        Some(fitted.references.iter().map(|reference| reference.picture.clone()).collect())
    }

    #[tokio::test]
    async fn what_fits_passes_unchanged() {
        let kept = [given(PictureFormat::Png, 60, 40), given(PictureFormat::Jpeg, 100, 10)];
        assert!(fit(SMALL, &kept).await.is_none());
        assert!(fit(Pictures::ANY, &[given(PictureFormat::Webp, 300, 200)]).await.is_none());
        let mixed = [kept[0].clone(), given(PictureFormat::Webp, 60, 40)];
        let fitted = fit(SMALL, &mixed).await.unwrap();
        assert_eq!(fitted[0].body.read().unwrap(), kept[0].picture.body.read().unwrap());
        assert_eq!(fitted[1].format, PictureFormat::Jpeg);
    }

    #[tokio::test]
    async fn what_does_not_fit_becomes_as_small_as_it_has_to_be() {
        let fitted = fit(SMALL, &[given(PictureFormat::Png, 400, 200)]).await.unwrap();
        assert_eq!((fitted[0].width, fitted[0].height), (100, 50));
        let heavy = given(PictureFormat::Png, 100, 100);
        let length = heavy.picture.body.len();
        let limits = Pictures { together: Some(2 * length), ..Pictures::ANY };
        assert!(fit(limits, &[heavy.clone(), heavy.clone()]).await.is_none());
        let fitted = fit(limits, &[heavy.clone(), heavy.clone(), heavy.clone()]).await.unwrap();
        let together: u64 = fitted.iter().map(|picture| picture.body.len()).sum();
        assert!(together <= 2 * length, "{together} of {length} each");
        let broken =
            Reference { picture: Picture { body: Body::from_bytes(&b"no picture"[..]), ..heavy.picture } };
        let passed = fit(Pictures { bytes: Some(5), ..Pictures::ANY }, &[broken]).await.unwrap();
        assert_eq!(
            passed[0].body.read().unwrap(),
            &b"no picture"[..],
            "the service says what it thinks of it"
        );
    }
}
