//! [`OneBot`]: the adapter that the core sees.

mod download;
mod napfile;
mod pace;
mod quote;
mod send;
mod standing;
mod stream;
mod upload;

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use easel_core::{
    ids::{AccountId, Chat, ChatKind, MessageId, Platform, UserId},
    media::{Body, Spool},
    message::{ChatRole, PictureLocator, PictureOrigin, PictureRef, Quote},
    ports::{
        Adapter, AdapterCapabilities, AdapterError, Clock, DownloadError, Inbox, PictureSource, PublishMedia,
        SendError, SendFailure,
    },
    reply::{Clearance, Reaction, Reply, Sent, Target},
};
use easel_http::{HttpClient, HttpClients};
use tokio::{sync::oneshot, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    config::OneBotSection,
    hub::{Account, CallFailure, Dialect, Hub, Left, Link, Section},
    inbound::{role, wire},
    outbound::{self, ActionFailure, MUTED, NOT_A_MEMBER},
    transport::{self, CallError, Timing},
};

/// What the adapter needs from the program.
pub struct Deps {
    /// Makes its HTTP clients.
    pub http: HttpClients,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Where downloads go.
    pub spool: Spool,
    /// Folder for pictures that the implementation opens by path (`image_delivery = "file"`); made when needed, and
    /// emptied picture by picture.
    pub outbox: PathBuf,
    /// Makes links that the implementation can fetch; without it `image_delivery = "url"` is not taken.
    pub publish: Option<Arc<dyn PublishMedia>>,
}

/// All OneBot v11 connections of one easel.
pub struct OneBot {
    hub: Arc<Hub>,
    sections: Vec<Arc<Section>>,
    downloads: HttpClient,
    spool: Spool,
    outbox: PathBuf,
    publish: Option<Arc<dyn PublishMedia>>,
    pace: pace::Pace,
    seats: download::Seats,
}

impl OneBot {
    /// An adapter for these sections; [`Adapter::run`] connects it.
    ///
    /// # Errors
    /// [`AdapterError::Config`] when a section is wrong (see [`OneBotSection::validate`]), a token's file can't be
    /// read, or no HTTP client can be made.
    pub fn new(sections: Vec<OneBotSection>, deps: Deps) -> Result<Self, AdapterError> {
        Self::with_timing(sections, deps, Timing::default())
    }

    pub(crate) fn with_timing(
        sections: Vec<OneBotSection>,
        deps: Deps,
        timing: Timing,
    ) -> Result<Self, AdapterError> {
        let mut read = Vec::with_capacity(sections.len());
        for (index, config) in sections.into_iter().enumerate() {
            if let Some((key, problem)) = config.validate(index).into_iter().next() {
                return Err(AdapterError::Config(format!("{key}: {problem}")));
            }
            let token = config.token().map_err(|error| {
                AdapterError::Config(format!("onebot[{index}].access_token_file: {error}"))
            })?;
            if let Some((host, _)) = config.nap_server()
                && host.parse().is_ok_and(|address| easel_http::guard::is_public(address).is_ok())
            {
                warn!(
                    section = index,
                    "nap_server_address is a public address; the file receiver takes files from anybody, in clear"
                );
            }
            read.push(Arc::new(Section::new(config, token, index)));
        }
        send::empty_outbox(&deps.outbox);
        let plain = deps.http.plain();
        let downloads =
            deps.http.user_downloads().map_err(|error| AdapterError::Config(error.to_string()))?;
        Ok(Self {
            hub: Arc::new(Hub::new(deps.clock, timing, plain)),
            sections: read,
            downloads,
            spool: deps.spool,
            outbox: deps.outbox,
            publish: deps.publish,
            pace: pace::Pace::default(),
            seats: download::Seats::default(),
        })
    }

    /// Where it listens, section by section, those that dial left out. Complete once [`Adapter::run`] called `ready`;
    /// tells the real port where the configuration says 0.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.sections.iter().filter_map(|section| section.address.get().copied()).collect()
    }

    /// The account and the way to it.
    fn reach(&self, account: &AccountId) -> Result<(Arc<Account>, Arc<Link>), SendError> {
        let disconnected = |reason: &str| SendError::Failed {
            failure: SendFailure::Disconnected,
            reason: reason.to_owned(),
        };
        let account =
            self.hub.account(account).ok_or_else(|| disconnected("the account has not connected yet"))?;
        if !account.is_online() {
            return Err(disconnected("the account is logged out of QQ"));
        }
        let link =
            account.link().ok_or_else(|| disconnected("the OneBot implementation is not connected"))?;
        Ok((account, link))
    }

    /// Sends a reply to its account's link.
    async fn send_with(
        &self,
        target: &Target,
        reply: &Reply,
        clearance: Option<&Clearance>,
    ) -> Result<Sent, SendError> {
        let (account, link) = self.reach(&target.chat.account)?;
        if target.chat.kind == ChatKind::Group
            && account.is_muted(target.chat.id.as_str(), self.hub.clock.now())
        {
            return Err(SendError::Failed { failure: SendFailure::Forbidden, reason: MUTED.to_owned() });
        }
        // Implementations refuse a quote of what is gone, or drop it; the reply itself must arrive.
        let gone = target.quote.as_ref().is_some_and(|quote| account.was_taken_back(quote.as_str()));
        let unquoted = gone.then(|| Target { quote: None, ..target.clone() });
        let target = unquoted.as_ref().unwrap_or(target);
        let group = (target.chat.kind == ChatKind::Group).then(|| target.chat.id.as_str());
        let had_left = group.and_then(|group| account.has_left(group));
        if had_left == Some(Left::Told) {
            let reason = NOT_A_MEMBER.to_owned();
            return Err(SendError::Failed { failure: SendFailure::Forbidden, reason });
        }
        let sent = self.deliver(&link, target, reply, clearance).await;
        match (&sent, group) {
            // Not by a send that began while it was a member: the news of its end may have come meanwhile.
            (Ok(_), Some(group)) if had_left.is_some() => account.is_back(group),
            (Err(SendError::Failed { failure: SendFailure::Forbidden, reason }), Some(group)) => {
                account.learn_refused(group, reason, self.hub.clock.now());
                // The refusal does not say for how long, and the notice that did was missed: else a picture would be
                // bought every few minutes, for days.
                if let (true, Ok(group)) = (reason.starts_with(MUTED), group.parse()) {
                    self.ask(&link, &account, group).await;
                }
            }
            _ => {}
        }
        let sent = sent?;
        if let Some(id) = &sent.message {
            account.remember_own(id.as_str(), self.hub.clock.now());
        }
        Ok(sent)
    }

    fn link(&self, account: &AccountId) -> Option<Arc<Link>> {
        self.hub.account(account)?.link()
    }
}

/// Marks a message; the mark of work in progress goes in the same breath, so that both leave in one write. That it stays
/// when its removal fails is only untidy.
async fn mark(
    link: &Link,
    chat: &Chat,
    message: &MessageId,
    reaction: Reaction,
    lagrange: bool,
) -> Result<(), CallFailure> {
    let set = link.call(outbound::react(chat, message, outbound::face(reaction), true, lagrange));
    if reaction == Reaction::Working {
        return set.await.map(drop);
    }
    let working = outbound::face(Reaction::Working);
    let unset = if link.dialect() == Dialect::LlOneBot {
        outbound::unset_reaction(message, working)
    } else {
        outbound::react(chat, message, working, false, lagrange)
    };
    let (set, _) = tokio::join!(set, link.call(unset));
    set.map(drop)
}

/// A failed call as the core sees it.
fn send_error(failure: CallFailure) -> SendError {
    let failed = |failure, reason: String| SendError::Failed { failure, reason };
    match failure {
        CallFailure::Call(CallError::NotSent(reason)) => failed(SendFailure::Disconnected, reason.to_owned()),
        CallFailure::Call(CallError::Cut(reason)) => failed(SendFailure::Transient, reason.to_owned()),
        CallFailure::Call(CallError::Unreadable) => {
            failed(SendFailure::Permanent, "the picture's file is gone or damaged".to_owned())
        }
        CallFailure::Call(CallError::Unknown(reason)) => SendError::Unknown { reason: reason.to_owned() },
        CallFailure::Action(ActionFailure::Unknown(reason)) => SendError::Unknown { reason },
        CallFailure::Action(ActionFailure::Refused(kind, reason)) => failed(kind, reason),
        CallFailure::Action(ActionFailure::Absent) => {
            failed(SendFailure::Permanent, "the implementation has no such action".to_owned())
        }
    }
}

#[async_trait]
impl PictureSource for OneBot {
    async fn download(
        &self,
        chat: &Chat,
        picture: &PictureRef,
        max_bytes: u64,
    ) -> Result<Body, DownloadError> {
        self.fetch(chat, picture, max_bytes).await
    }
}

#[async_trait]
impl Adapter for OneBot {
    fn platform(&self) -> Platform {
        Platform::new(crate::PLATFORM)
    }

    fn capabilities(&self, account: &AccountId) -> AdapterCapabilities {
        let link = self.link(account);
        let lacks = |action| link.as_ref().is_some_and(|link| link.lacks(action));
        AdapterCapabilities {
            group_reactions: !(lacks("set_msg_emoji_like") && lacks("set_group_reaction")),
            direct_reactions: false,
            files: !lacks("upload_group_file"),
            clips: true,
            clip_links: true,
            // QQ shows a clip alone and drops the words beside it; see `outbound::send_message`.
            clip_captions: false,
        }
    }

    fn is_connected(&self, account: &AccountId) -> bool {
        self.reach(account).is_ok_and(|(_, link)| link.is_reached())
    }

    async fn connected(&self, account: &AccountId) {
        loop {
            // Before the look, so that nothing is missed between the two.
            let came = self.hub.came.notified();
            if self.is_connected(account) {
                return;
            }
            came.await;
        }
    }

    fn may_speak(&self, chat: &Chat) -> bool {
        chat.kind != ChatKind::Group
            || !self
                .hub
                .account(&chat.account)
                .is_some_and(|account| account.is_shut_out(chat.id.as_str(), self.hub.clock.now()))
    }

    async fn find_out_may_speak(&self, chat: &Chat) -> bool {
        self.find_out(chat).await;
        self.may_speak(chat)
    }

    fn muted_for(&self, chat: &Chat) -> Option<Duration> {
        if chat.kind != ChatKind::Group {
            return None;
        }
        self.hub.account(&chat.account)?.muted_for(chat.id.as_str(), self.hub.clock.now())
    }

    async fn run(
        self: Arc<Self>,
        inbox: Arc<dyn Inbox>,
        ready: oneshot::Sender<()>,
        stop: CancellationToken,
    ) -> Result<(), AdapterError> {
        self.hub.set_inbox(inbox);
        let mut running = JoinSet::new();
        let mut waiting = Vec::new();
        // When one section can't run, the others must not go on without anybody knowing.
        let all = stop.child_token();
        for section in &self.sections {
            let (listening, listens) = oneshot::channel();
            waiting.push(listens);
            running.spawn(transport::run(Arc::clone(&self.hub), Arc::clone(section), listening, all.clone()));
        }
        let mut result = Ok(());
        let listening = async {
            for listens in waiting {
                // A section that failed drops its end; its error is collected below.
                if listens.await.is_err() {
                    return;
                }
            }
            ready.send(()).ok();
        };
        let ended = async {
            while let Some(joined) = running.join_next().await {
                match joined {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => {
                        all.cancel();
                        result = Err(error);
                    }
                    Err(panic) => {
                        all.cancel();
                        result = Err(AdapterError::Config(format!(
                            "a OneBot connection ended abnormally: {panic}"
                        )));
                    }
                }
            }
        };
        tokio::join!(listening, ended);
        result
    }

    async fn turn(&self, chat: &Chat) {
        // Whoever is away will be found so by the send.
        let Ok((_, link)) = self.reach(&chat.account) else { return };
        let interval = Duration::from_millis(link.section.config.min_send_interval_ms);
        self.pace.turn(chat, interval).await;
    }

    async fn send(&self, target: &Target, reply: &Reply) -> Result<Sent, SendError> {
        self.send_with(target, reply, None).await
    }

    async fn send_early(
        &self,
        target: &Target,
        reply: &Reply,
        clearance: &Clearance,
    ) -> Result<Sent, SendError> {
        self.send_with(target, reply, Some(clearance)).await
    }

    async fn react(&self, target: &Target, reaction: Reaction) -> Result<(), SendError> {
        let permanent =
            |reason: &str| SendError::Failed { failure: SendFailure::Permanent, reason: reason.to_owned() };
        let chat = &target.chat;
        if chat.kind != ChatKind::Group {
            return Err(permanent("direct chats have no reactions"));
        }
        let message = target.quote.as_ref().ok_or_else(|| permanent("there is no message to mark"))?;
        let (account, link) = self.reach(&chat.account)?;
        if account.is_shut_out(chat.id.as_str(), self.hub.clock.now()) {
            let reason = "the account may not speak there".to_owned();
            return Err(SendError::Failed { failure: SendFailure::Forbidden, reason });
        }
        if account.was_taken_back(message.as_str()) {
            // There is nothing left to mark, and a text instead of a mark would answer nothing.
            return Ok(());
        }
        let mut lagrange = link.dialect() == Dialect::Lagrange || link.lacks("set_msg_emoji_like");
        let mut set = mark(&link, chat, message, reaction, lagrange).await;
        if matches!(set, Err(CallFailure::Action(ActionFailure::Absent))) {
            lagrange = !lagrange;
            set = mark(&link, chat, message, reaction, lagrange).await;
        }
        set.map_err(send_error)
    }

    async fn quote(&self, chat: &Chat, message: &MessageId) -> Option<Quote> {
        self.look_up(chat, message).await
    }

    fn recent_pictures(&self, chat: &Chat, user: &UserId, within: Duration) -> Vec<PictureRef> {
        let Some(account) = self.hub.account(&chat.account) else { return Vec::new() };
        let within_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        account.with_ring(|ring| ring.latest(chat, user.as_str(), within_ms, self.hub.clock.now()))
    }

    fn avatar(&self, _: &AccountId, user: &UserId) -> Option<PictureRef> {
        // Public and without a key; an unknown number gives the default picture.
        let number: u64 = user.as_str().parse().ok()?;
        let url = format!("https://q1.qlogo.cn/g?b=qq&nk={number}&s=640");
        Some(PictureRef { origin: PictureOrigin::Avatar, locator: PictureLocator::Url(url) })
    }

    async fn chat_role(&self, chat: &Chat, user: &UserId) -> ChatRole {
        if chat.kind != ChatKind::Group {
            return ChatRole::Unknown;
        }
        let Some(link) = self.link(&chat.account) else { return ChatRole::Unknown };
        let Ok(reply) = link.call(outbound::get_member(chat.id.as_str(), user)).await else {
            return ChatRole::Unknown;
        };
        reply
            .data
            .and_then(|data| {
                let member: wire::Sender<'_> = serde_json::from_str(data.get()).ok()?;
                Some(role(member.role))
            })
            .unwrap_or(ChatRole::Unknown)
    }
}

#[cfg(test)]
mod tests;
