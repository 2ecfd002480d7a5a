//! A fake OneBot v11 implementation: the program that holds the QQ account, `NapCat` unless told otherwise.
//!
//! It connects in every way an implementation does: it dials the application ([`FakeOneBot::connect`]), listens
//! for it ([`FakeOneBot::listen`]), or speaks HTTP ([`FakeOneBot::serve_http`], [`FakeOneBot::post_to`]). It
//! sends events, answers calls with the caller's echo, records every call and every message sent, and can be
//! made to fail per action ([`FakeOneBot::fault`]).
//!
//! Facts: OneBot v11 standard, and what `NapCat`, `LLBot`, `Lagrange.OneBot` and go-cqhttp really answer.

mod actions;
mod builder;
pub mod cq;
mod dialect;
mod download;
mod fault;
mod http;
mod link;
mod listen;
mod message;
mod peer;
mod sent;
mod upload;

pub use builder::{Builder, TokenIn};
pub use dialect::Dialect;
pub use fault::Fault;
pub use link::Role;
pub use listen::ConnectError;
pub use message::{MemberRole, Message};
pub use peer::{Call, Reaction};
pub use sent::{Media, Origin, Sent, To};

use crate::{PATIENCE, tasks::Tasks};
use link::Frame;
use peer::Peer;
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// The account that the fake holds unless [`Builder::self_id`] says otherwise.
pub const SELF_ID: i64 = 3_001_000_001;

/// A fake implementation. Dropping it closes its sockets without a farewell.
#[derive(Debug)]
pub struct FakeOneBot {
    peer: Arc<Peer>,
    /// Links that were dialled.
    links: Tasks,
    /// Accept loops, which own the links that they accepted.
    servers: Tasks,
    /// The last address that was dialled, for [`FakeOneBot::reconnect`].
    dialled: Mutex<String>,
}

impl Default for FakeOneBot {
    fn default() -> Self {
        Self::new()
    }
}

impl FakeOneBot {
    /// `NapCat` with account [`SELF_ID`], no token, and a heartbeat every 30 seconds; not connected yet.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Chooses dialect, account, token and habits.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The account's number.
    pub fn self_id(&self) -> i64 {
        self.peer.settings.self_id
    }

    // ---- connection ------------------------------------------------------------------------------------------

    /// Waits until at least one link that carries events is up, whoever dialled.
    pub async fn connected(&self) {
        self.links_are("a link that carries events", |links| links.iter().any(|link| link.role.has_events()))
            .await;
    }

    /// Waits until no link is up.
    pub async fn disconnected(&self) {
        self.links_are("the end of all links", <[_]>::is_empty).await;
    }

    /// Number of links that are up.
    pub fn link_count(&self) -> usize {
        self.peer.links.borrow().len()
    }

    async fn links_are(&self, what: &str, good: impl Fn(&[link::Link]) -> bool) {
        let mut links = self.peer.links.subscribe();
        let waiting = links.wait_for(|links| good(links));
        assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "waited in vain for {what}");
    }

    /// Drops all links at once, without a closing handshake; the other side sees a reset.
    pub async fn drop_links(&self) {
        self.peer.kill_links();
        self.disconnected().await;
    }

    /// Closes all links politely.
    pub async fn close(&self) {
        self.peer.broadcast(Frame::Close).await;
        self.disconnected().await;
    }

    /// Stops reading and writing on all links while they stay open: a peer that is frozen.
    pub fn freeze(&self) {
        self.peer.frozen.send_replace(true);
    }

    /// Ends [`FakeOneBot::freeze`].
    pub fn thaw(&self) {
        self.peer.frozen.send_replace(false);
    }

    /// Resets every link as soon as this many more bytes have been read from it, wherever that cuts a frame.
    pub fn cut_after_bytes(&self, bytes: usize) {
        self.peer.cut_after(bytes);
    }

    // ---- events ----------------------------------------------------------------------------------------------

    /// Sends a message event on every link that carries events and by HTTP if told to; returns its message id.
    ///
    /// The message is kept, so that `get_msg` finds it. Panics when there is nobody to send it to, because the
    /// test would then wait for an answer in vain.
    pub async fn send(&self, message: Message) -> i64 {
        assert!(self.peer.has_listener(), "nobody takes events: await connected() first");
        let (id, event) = self.peer.render(&message);
        self.peer.remember(id, &event);
        self.peer.emit(&event).await;
        id
    }

    /// Sends the same message event twice, with the same id.
    pub async fn send_twice(&self, message: Message) -> i64 {
        let id = message.chosen_id().unwrap_or_else(|| self.peer.next_id());
        let message = message.message_id(id);
        self.send(message.clone()).await;
        self.send(message).await
    }

    /// The event that [`FakeOneBot::send`] would send, with a fresh id; keeps nothing.
    pub fn event(&self, message: &Message) -> Value {
        self.peer.render(message).1
    }

    /// Sends an event as it is. Messages among them are kept for `get_msg`.
    pub async fn event_raw(&self, event: &Value) {
        if let Some(id) = event.get("message_id").and_then(Value::as_i64)
            && event.get("message").is_some()
        {
            self.peer.remember(id, event);
        }
        self.peer.emit(event).await;
    }

    /// Sends any text as a frame, JSON or not.
    pub async fn frame_text(&self, text: &str) {
        self.peer.broadcast(Frame::Text(text.to_owned())).await;
    }

    /// Sends a binary frame.
    pub async fn frame_binary(&self, bytes: &[u8]) {
        self.peer.broadcast(Frame::Binary(bytes.to_vec())).await;
    }

    /// The author takes a message back: it is gone from the table of `get_msg`, and a notice tells. Panics when there is
    /// no such message.
    pub async fn recall(&self, id: i64) {
        let notice = self.peer.take_back(id);
        self.peer.emit(&notice).await;
    }

    /// Sends one heartbeat now.
    pub async fn heartbeat(&self) {
        let event = self.peer.heartbeat_event();
        self.peer.emit(&event).await;
    }

    /// Changes the interval of heartbeats on all links; nothing stops them: a silent peer.
    pub fn set_heartbeat(&self, every: Option<Duration>) {
        self.peer.heartbeat.send_replace(every);
    }

    /// What heartbeats and `get_status` say about QQ; `false` means logged out.
    pub fn set_online(&self, online: bool) {
        self.peer.with(|state| state.online = online);
    }

    // ---- what the application did ----------------------------------------------------------------------------

    /// All calls so far, in the order of arrival.
    pub fn calls(&self) -> Vec<Call> {
        self.peer.calls.all()
    }

    /// Takes the next call of this action that was not taken yet, or waits for it.
    #[track_caller]
    pub fn next_call(&self, action: &str) -> impl Future<Output = Call> + Send {
        let wanted = action.to_owned();
        self.peer.calls.take(
            format!("a call of {action}"),
            move |call| call.action == wanted,
            |call| call.action.clone(),
        )
    }

    /// Every attempt to send a message or a file so far, delivered or not.
    pub fn sends(&self) -> Vec<Sent> {
        self.peer.sends.all()
    }

    /// Those of [`FakeOneBot::sends`] that reached the chat, whatever the application was told.
    pub fn delivered(&self) -> Vec<Sent> {
        self.sends().into_iter().filter(|sent| sent.delivered).collect()
    }

    /// Takes the next attempt to send, delivered or not, or waits for it.
    #[track_caller]
    pub fn next_send(&self) -> impl Future<Output = Sent> + Send {
        self.peer.sends.take("a message".to_owned(), |_| true, Sent::summary)
    }

    /// Takes the next attempt to send that fits, or waits for it; those that don't fit can still be taken.
    #[track_caller]
    pub fn next_send_where(
        &self,
        what: &str,
        fits: impl Fn(&Sent) -> bool + Send + Sync,
    ) -> impl Future<Output = Sent> + Send {
        self.peer.sends.take(what.to_owned(), fits, Sent::summary)
    }

    /// Takes the next attempt to send that carries a picture, or waits for it.
    #[track_caller]
    pub fn next_picture(&self) -> impl Future<Output = Sent> + Send {
        self.next_send_where("a message with a picture", |sent| !sent.pictures.is_empty())
    }

    /// Reactions that were set or removed, oldest first, in either dialect.
    pub fn reactions(&self) -> Vec<Reaction> {
        self.calls().iter().filter_map(Reaction::from_call).collect()
    }

    // ---- faults ----------------------------------------------------------------------------------------------

    /// The next call of `action` (`"*"` is any) meets this fault; later ones the faults added later.
    pub fn fault(&self, action: &str, fault: Fault) {
        self.fault_times(action, 1, fault);
    }

    /// The next `times` calls of `action` meet this fault.
    pub fn fault_times(&self, action: &str, times: usize, fault: Fault) {
        self.peer.with(|state| state.faults.push(fault::Rule { action: action.to_owned(), times, fault }));
    }

    /// Forgets all faults that were not met yet.
    pub fn clear_faults(&self) {
        self.peer.with(|state| state.faults.clear());
    }

    /// Sends all answers that [`Fault::Hold`] holds, oldest first; returns their number.
    pub async fn release(&self) -> usize {
        self.peer.release().await
    }

    /// Answers every call of `action` with this `data`, whether or not the dialect knows the action.
    pub fn answer_with(&self, action: &str, data: Value) {
        self.peer.with(|state| state.answers.insert(action.to_owned(), data));
    }

    // ---- what the implementation knows -----------------------------------------------------------------------

    /// Puts a message into the table of `get_msg` without sending it; returns its id.
    pub fn add_message(&self, message: &Message) -> i64 {
        let (id, event) = self.peer.render(message);
        self.peer.remember(id, &event);
        id
    }

    /// Puts the answer of `get_msg` for this id into the table, as it is.
    pub fn add_message_raw(&self, id: i64, message: Value) {
        self.peer.with(|state| state.messages.insert(id, message));
    }

    /// Removes a message, as a recall or `NapCat`'s short memory does.
    pub fn forget_message(&self, id: i64) {
        self.peer.with(|state| state.messages.remove(&id));
    }

    /// What `get_group_member_info` tells. Unknown members count as ordinary ones.
    pub fn set_member(&self, group: i64, user: i64, role: MemberRole, nickname: &str) {
        let member = (Some(role), nickname.to_owned());
        self.peer.with(|state| state.members.insert((group, user), member));
    }

    /// Makes `get_group_member_info` fail for this user.
    pub fn remove_member(&self, group: i64, user: i64) {
        self.peer.with(|state| state.members.insert((group, user), (None, String::new())));
    }

    /// A group mutes the account for so many seconds, and no notice tells it; `get_group_member_info` does.
    pub fn mute_unheard(&self, group: i64, seconds: i64) {
        self.peer.with(|state| state.muted_until.insert(group, peer::now() + seconds));
    }

    /// A group removes the account, and no notice tells it; `get_group_member_info` fails then, and `get_group_list` lacks
    /// the group.
    pub fn leave_unheard(&self, group: i64) {
        self.remove_member(group, self.self_id());
    }

    /// The fresh url that `get_image` gives for a picture's `file`.
    pub fn set_image(&self, file: &str, url: &str) {
        self.peer.with(|state| state.images.insert(file.to_owned(), url.to_owned()));
    }

    /// The bytes that `download_file_image_stream` gives for a picture's `file` or a file id.
    pub fn set_image_stream(&self, file: &str, bytes: bytes::Bytes) {
        self.peer.with(|state| state.streams.insert(file.to_owned(), bytes));
    }

    /// The url that `get_group_file_url` and `get_private_file_url` give for a file id.
    pub fn set_file_url(&self, file_id: &str, url: &str) {
        self.peer.with(|state| state.images.insert(file_id.to_owned(), url.to_owned()));
    }

    /// The values that `nc_get_rkey` and `get_rkey` give, without `&rkey=`.
    pub fn set_rkeys(&self, private: &str, group: &str) {
        self.peer.with(|state| state.rkeys = (private.to_owned(), group.to_owned()));
    }

    /// The messages of a merged forward, for `get_forward_msg`.
    pub fn add_forward(&self, id: &str, messages: &[Message]) {
        let nodes = messages.iter().map(|message| self.peer.render(message).1).collect();
        self.peer.with(|state| state.forwards.insert(id.to_owned(), nodes));
    }

    /// Makes a path visible to the implementation, so that a message may name it: a file put there by other means.
    pub fn add_file(&self, path: &str, bytes: bytes::Bytes) {
        self.peer.with(|state| state.files.insert(path.to_owned(), bytes));
    }

    /// The notice of a reaction on a message, in this dialect's shape.
    pub async fn react(&self, group: i64, user: i64, message_id: i64, emoji_id: &str) {
        let (time, self_id) = (peer::now(), self.self_id());
        let notice = if self.peer.settings.dialect == Dialect::Lagrange {
            json!({ "time": time, "self_id": self_id, "post_type": "notice", "notice_type": "reaction",
                "group_id": group, "message_id": message_id, "operator_id": user, "sub_type": "add",
                "code": emoji_id, "count": 1 })
        } else {
            json!({ "time": time, "self_id": self_id, "post_type": "notice", "group_id": group, "user_id": user,
                "notice_type": "group_msg_emoji_like", "message_id": message_id,
                "likes": [{ "emoji_id": emoji_id, "count": 1 }], "is_add": true })
        };
        self.peer.emit(&notice).await;
    }
}

#[cfg(test)]
mod tests;
