//! Asks the platform whether an account may speak in a group, where notices of a mute or a removal may have been missed.
//! Never for chatter, and never before an ordinary picture: see [`easel_core::ports::Adapter::find_out_may_speak`].

use std::sync::Arc;

use easel_core::ids::{Chat, ChatKind};
use serde::Deserialize;

use super::OneBot;
use crate::{
    hub::{Account, CallFailure, Link},
    inbound::wire::{self, Raw},
    outbound::{self, ActionFailure},
};

/// What is read of a member (OneBot v11 reference, `get_group_member_info`; the time is an extension that NapCat,
/// LLOneBot and go-cqhttp share).
#[derive(Default, Deserialize)]
#[serde(default)]
struct Member<'a> {
    #[serde(borrow)]
    shut_up_timestamp: Raw<'a>,
}

/// What is read of a group (OneBot v11 reference, `get_group_list`).
#[derive(Default, Deserialize)]
#[serde(default)]
struct Group<'a> {
    #[serde(borrow)]
    group_id: Raw<'a>,
}

impl OneBot {
    /// Whether the account may speak in a chat, asked of the platform once for a while and for each link. Without an
    /// answer it may, as far as is known.
    pub(super) async fn find_out(&self, chat: &Chat) {
        let (ChatKind::Group, Ok(group)) = (chat.kind, chat.id.as_str().parse()) else { return };
        let Ok((account, link)) = self.reach(&chat.account) else { return };
        let now = self.hub.clock.now();
        let id = chat.id.as_str();
        if account.is_shut_out(id, now) && !account.doubts_mute(id) {
            return;
        }
        // All jobs of a group ask at once, and wait for one answer.
        let question = account.question(group, now);
        question.get_or_init(|| self.ask(&link, &account, group)).await;
    }

    /// Asks, and takes note of the answer.
    pub(super) async fn ask(&self, link: &Arc<Link>, account: &Account, group: i64) {
        match link.call(outbound::get_member_now(group, &account.id)).await {
            Ok(reply) => {
                let member: Option<Member<'_>> =
                    reply.data.as_deref().and_then(|data| serde_json::from_str(data.get()).ok());
                let Some(until) = member.and_then(|member| wire::int(member.shut_up_timestamp)) else {
                    return;
                };
                let now = self.hub.clock.now();
                let left = until.saturating_sub(i64::try_from(now.0 / 1000).unwrap_or(i64::MAX));
                if left > 0 {
                    account.set_muted(group, left, now);
                } else {
                    account.is_not_muted(group);
                }
            }
            // What a refusal of this means differs; the list of groups does not.
            Err(CallFailure::Action(ActionFailure::Refused(..))) => {
                if is_missing(link, group).await {
                    account.is_missing(group);
                }
            }
            Err(CallFailure::Action(_) | CallFailure::Call(_)) => {}
        }
    }
}

/// Whether the list of the account's groups certainly lacks a group. One that is empty proves nothing: implementations
/// answer before they have loaded it.
async fn is_missing(link: &Link, group: i64) -> bool {
    let Ok(reply) = link.call(outbound::get_groups()).await else { return false };
    let groups: Vec<Group<'_>> =
        reply.data.as_deref().and_then(|data| serde_json::from_str(data.get()).ok()).unwrap_or_default();
    let ids: Vec<i64> = groups.iter().filter_map(|group| wire::int(group.group_id)).collect();
    !ids.is_empty() && ids.len() == groups.len() && !ids.contains(&group)
}
