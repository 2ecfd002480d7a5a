//! Turns picture references into bytes, refreshing links that have expired.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use easel_core::{
    ids::{Chat, ChatKind, MessageId},
    media::Body,
    message::{PictureLocator, PictureRef},
    ports::DownloadError,
};
use easel_http::{BlockReason, DownloadLimits, HttpError};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::debug;

use super::OneBot;
use crate::{
    hub::Link,
    inbound::{
        FILE_TOKEN,
        wire::{self, Frame, Raw, Segment},
    },
    outbound,
};

/// Downloads that one chat may have at a time.
const PER_CHAT: usize = 4;
/// The host whose TLS some stacks cannot speak; the same path works without.
const PICTURE_HOST: &str = "multimedia.nt.qq.com.cn";

/// Bounds the downloads of each chat.
#[derive(Debug, Default)]
pub(super) struct Seats {
    chats: Mutex<HashMap<Chat, Arc<Semaphore>>>,
}

impl Seats {
    /// Waits for a seat.
    async fn take(&self, chat: &Chat) -> Option<OwnedSemaphorePermit> {
        let seats = {
            let mut chats = self.chats.lock().unwrap_or_else(PoisonError::into_inner);
            // Chats without a download are forgotten: the map never outgrows what runs.
            chats.retain(|_, seats| Arc::strong_count(seats) > 1);
            Arc::clone(chats.entry(chat.clone()).or_insert_with(|| Arc::new(Semaphore::new(PER_CHAT))))
        };
        seats.acquire_owned().await.ok()
    }
}

impl OneBot {
    /// Downloads one picture.
    pub(super) async fn fetch(
        &self,
        chat: &Chat,
        picture: &PictureRef,
        max_bytes: u64,
    ) -> Result<Body, DownloadError> {
        match &picture.locator {
            PictureLocator::Inline(bytes) => keep(bytes, max_bytes),
            PictureLocator::File(_) => {
                Err(DownloadError::Unreachable("a file is no picture of a chat".to_owned()))
            }
            PictureLocator::Url(url) => {
                let _seat = self.seats.take(chat).await;
                self.get(url, max_bytes).await
            }
            PictureLocator::Platform { url, file, message } => {
                let _seat = self.seats.take(chat).await;
                self.fetch_fresh(chat, url.as_deref(), file.as_deref(), message.as_ref(), max_bytes).await
            }
        }
    }

    /// Tries the link, then fresh links from every place that may have one.
    async fn fetch_fresh(
        &self,
        chat: &Chat,
        url: Option<&str>,
        file: Option<&str>,
        message: Option<&MessageId>,
        max_bytes: u64,
    ) -> Result<Body, DownloadError> {
        let mut tried = Vec::new();
        let mut last = DownloadError::Expired;
        if let Some(url) = url {
            match self.get(url, max_bytes).await {
                Err(error) if may_be_stale(&error) => last = error,
                settled => return settled,
            }
            tried.push(url.to_owned());
        }
        let Some(link) = self.link(&chat.account) else { return Err(last) };
        for step in [Step::Message, Step::Token, Step::Key] {
            let fresh = match step {
                Step::Message => from_message(&link, message, file).await,
                Step::Token => from_token(&link, chat, file).await,
                Step::Key => from_key(&link, chat, url).await,
            };
            let Some(fresh) = fresh else { continue };
            if let Some(base64) = fresh.strip_prefix("base64://") {
                if let Ok(bytes) = base64_simd::forgiving_decode_to_vec(base64.as_bytes()) {
                    return keep(&bytes.into(), max_bytes);
                }
                continue;
            }
            if tried.contains(&fresh) {
                continue;
            }
            debug!(?step, "a picture's link was refreshed");
            match self.get(&fresh, max_bytes).await {
                Err(error) if may_be_stale(&error) => last = error,
                settled => return settled,
            }
            tried.push(fresh);
        }
        let Some(token) = file.and_then(stream_token) else { return Err(last) };
        // Nothing that can be reached from here has it; the implementation may.
        match self.stream(&link, token, max_bytes).await {
            Err(error) if may_be_stale(&error) => {
                debug!(%error, "a picture could not be streamed");
                Err(last)
            }
            settled => settled,
        }
    }

    /// Downloads a link.
    async fn get(&self, url: &str, max_bytes: u64) -> Result<Body, DownloadError> {
        match self.get_once(url, max_bytes).await {
            Err(error)
                if error.is_tls()
                    && let Some(plain) = plain_twin(url) =>
            {
                self.get_once(&plain, max_bytes).await
            }
            result => result,
        }
        .map_err(|error| download_error(&error, max_bytes))?
    }

    async fn get_once(&self, url: &str, max_bytes: u64) -> Result<Result<Body, DownloadError>, HttpError> {
        let limits = DownloadLimits::user_pictures(max_bytes);
        let mut response = self.downloads.get(url).download_limits(limits).open().await?;
        let spool = self.spool.for_call();
        let mut sink = spool.sink(response.body.expected_bytes().unwrap_or(0).min(max_bytes));
        let disk = |error: std::io::Error| DownloadError::Unreachable(format!("the spool failed: {error}"));
        let mut first = true;
        while let Some(chunk) = response.body.next_chunk().await? {
            if std::mem::take(&mut first) && is_expiry(&chunk) {
                return Ok(Err(DownloadError::Expired));
            }
            let written = spool.beside(chunk.len(), move || sink.write(&chunk).map(|()| sink)).await;
            match written.flatten() {
                Ok(same) => sink = same,
                Err(error) => return Ok(Err(disk(error))),
            }
        }
        Ok(spool.beside(0, move || sink.finish()).await.flatten().map_err(disk))
    }
}

/// Where a fresh link can come from.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The message that carried the picture.
    Message,
    /// The picture's token.
    Token,
    /// A new key for the old link.
    Key,
}

fn keep(bytes: &Bytes, max_bytes: u64) -> Result<Body, DownloadError> {
    if bytes.len() as u64 > max_bytes {
        Err(DownloadError::TooLarge { max_bytes })
    } else {
        Ok(Body::from_bytes(bytes.clone()))
    }
}

/// Whether a fresh link may help.
fn may_be_stale(error: &DownloadError) -> bool {
    matches!(error, DownloadError::Expired | DownloadError::Unreachable(_))
}

/// The picture host answers an expired or ill-signed link with JSON, at times with status 200.
fn is_expiry(body: &[u8]) -> bool {
    body.trim_ascii_start().first() == Some(&b'{')
        && [&b"-5503007"[..], b"-5503010", b"retcode"]
            .iter()
            .any(|sign| memchr::memmem::find(body.get(..4096).unwrap_or(body), sign).is_some())
}

fn download_error(error: &HttpError, max_bytes: u64) -> DownloadError {
    match error {
        HttpError::Blocked { reason: BlockReason::FakeIp, .. } => DownloadError::FakeIp,
        HttpError::Blocked { reason, .. } if reason.is_address() => DownloadError::Private,
        HttpError::TooLarge { .. } => DownloadError::TooLarge { max_bytes },
        HttpError::Status { status: 403 | 404 | 410, .. } => DownloadError::Expired,
        HttpError::Status { body_head, .. } if is_expiry(body_head.as_bytes()) => DownloadError::Expired,
        other => DownloadError::Unreachable(other.to_string()),
    }
}

/// The same picture without TLS, where that is known to be as good.
fn plain_twin(url: &str) -> Option<String> {
    let rest = url.strip_prefix("https://")?;
    let host = rest.split(['/', '?', '#', ':']).next()?;
    host.eq_ignore_ascii_case(PICTURE_HOST).then(|| format!("http://{rest}"))
}

/// What a stream may be asked for by: a picture's token, or the id of a file. The name of a picture comes from whoever
/// sent it, and some implementations would open it as a link or a path of their own machine.
fn stream_token(file: &str) -> Option<&str> {
    match file.strip_prefix(FILE_TOKEN) {
        Some(id) => Some(id),
        None => (!file.contains(['/', '\\', ':'])).then_some(file),
    }
}

/// The link that the carrying message has now.
async fn from_message(link: &Link, message: Option<&MessageId>, file: Option<&str>) -> Option<String> {
    let reply = link.call(outbound::get_message(message?.as_str())).await.ok()?;
    let data = reply.data?;
    let frame: Frame<'_> = serde_json::from_str(data.get()).ok()?;
    let pictures: Vec<_> = wire::segments(frame.message.or(frame.content))
        .into_iter()
        .filter_map(|segment| match segment {
            Segment::Picture { url, file } => Some((url, file)),
            _ => None,
        })
        .collect();
    let same = pictures.iter().find(|(_, found)| file.is_some() && found.as_deref() == file);
    let chosen = same.or(if let [only] = pictures.as_slice() { Some(only) } else { None })?;
    chosen.0.as_ref().map(ToString::to_string)
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct FileAnswer<'a> {
    #[serde(borrow)]
    url: Raw<'a>,
    #[serde(borrow)]
    base64: Raw<'a>,
}

/// The link that belongs to the picture's token.
async fn from_token(link: &Link, chat: &Chat, file: Option<&str>) -> Option<String> {
    let file = file?;
    let call = match file.strip_prefix(FILE_TOKEN) {
        Some(file_id) => outbound::get_file_link(chat, file_id),
        None => outbound::get_image(file),
    };
    let data = link.call(call).await.ok()?.data?;
    let answer: FileAnswer<'_> = serde_json::from_str(data.get()).ok()?;
    // Anything else under `url` is a path on the implementation's disk.
    let url = wire::filled(answer.url).filter(|url| wire::is_link(url));
    url.map(|url| url.replace("&amp;", "&"))
        .or_else(|| wire::filled(answer.base64).map(|base64| format!("base64://{base64}")))
}

/// The old link with a new key.
async fn from_key(link: &Link, chat: &Chat, url: Option<&str>) -> Option<String> {
    let url = url?;
    if !url.contains("rkey=") {
        return None;
    }
    let group = if url.contains("appid=1406") {
        false
    } else {
        url.contains("appid=1407") || chat.kind == ChatKind::Group
    };
    for action in ["nc_get_rkey", "get_rkey"] {
        if let Ok(reply) = link.call(outbound::plain(action)).await
            && let Some(key) = reply.data.and_then(|data| key_for(&data, group))
        {
            return with_key(url, &key);
        }
    }
    None
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Keys<'a> {
    #[serde(borrow)]
    rkeys: Raw<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Key<'a> {
    #[serde(borrow, rename = "type")]
    kind: Raw<'a>,
    #[serde(borrow)]
    rkey: Raw<'a>,
}

/// The key for groups or for direct chats, without its parameter's name. NapCat answers a list, Lagrange wraps it; the
/// type is a word or a number (10 direct, 20 group).
fn key_for(data: &RawValue, group: bool) -> Option<String> {
    let wanted = if group { ["group", "20"] } else { ["private", "10"] };
    let keys: Vec<Key<'_>> = if let Ok(keys) = serde_json::from_str(data.get()) {
        keys
    } else {
        let wrapped: Keys<'_> = serde_json::from_str(data.get()).ok()?;
        serde_json::from_str(wrapped.rkeys?.get()).ok()?
    };
    let key =
        keys.iter().find(|key| wire::text(key.kind).is_some_and(|kind| wanted.contains(&kind.as_ref())))?;
    let key = wire::filled(key.rkey)?;
    Some(key.trim_start_matches('&').trim_start_matches("rkey=").to_owned())
}

/// Swaps the key of a link.
fn with_key(url: &str, key: &str) -> Option<String> {
    let (head, tail) = url.split_once("rkey=")?;
    let rest = tail.split_once('&').map(|(_, rest)| format!("&{rest}")).unwrap_or_default();
    Some(format!("{head}rkey={key}{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_swapped() {
        assert_eq!(
            with_key("https://x/download?appid=1407&fileid=f&rkey=OLD", "NEW").as_deref(),
            Some("https://x/download?appid=1407&fileid=f&rkey=NEW")
        );
        assert_eq!(
            with_key("https://x/?rkey=OLD&spec=0", "NEW").as_deref(),
            Some("https://x/?rkey=NEW&spec=0")
        );
        assert_eq!(with_key("https://x/", "NEW"), None);
    }

    #[test]
    fn keys_come_in_three_shapes() {
        #[track_caller]
        fn check(json: &str) {
            let raw: &RawValue = serde_json::from_str(json).unwrap();
            assert_eq!(key_for(raw, true).as_deref(), Some("G"), "{json}");
            assert_eq!(key_for(raw, false).as_deref(), Some("P"), "{json}");
        }
        check(r#"[{"rkey":"&rkey=P","ttl":"3600","type":10},{"rkey":"&rkey=G","type":20}]"#);
        check(r#"[{"type":"private","rkey":"&rkey=P"},{"type":"group","rkey":"&rkey=G"}]"#);
        check(r#"{"rkeys":[{"type":"private","rkey":"rkey=P"},{"type":"group","rkey":"G"}]}"#);
    }

    #[test]
    fn streams_are_asked_for_by_token_alone() {
        assert_eq!(stream_token("A4E5D2F8.jpg"), Some("A4E5D2F8.jpg"));
        assert_eq!(stream_token("onebot-file:/7f0a"), Some("/7f0a"));
        for elsewhere in ["http://10.0.0.1/a.png", "/etc/a.png", "..\\a.png", "C:a.png", "../a.png"] {
            assert_eq!(stream_token(elsewhere), None, "{elsewhere}");
        }
    }

    #[test]
    fn only_the_picture_host_has_a_plain_twin() {
        assert_eq!(
            plain_twin("https://multimedia.nt.qq.com.cn/download?a=1").as_deref(),
            Some("http://multimedia.nt.qq.com.cn/download?a=1")
        );
        assert_eq!(plain_twin("https://example.com/?multimedia.nt.qq.com.cn"), None);
        assert_eq!(plain_twin("http://multimedia.nt.qq.com.cn/download"), None);
    }

    #[test]
    fn refusals_of_the_picture_host_are_no_pictures() {
        assert!(is_expiry(br#"{"retcode":-5503007,"retmsg":"download url has expired","retryflag":0}"#));
        assert!(is_expiry(b" \n{\"retcode\": -5503010}"));
        assert!(!is_expiry(b"\x89PNG\r\n"));
        assert!(!is_expiry(b"{}"));
    }
}
