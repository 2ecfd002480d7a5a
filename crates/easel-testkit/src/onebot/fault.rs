//! Ways in which an answer goes wrong.

use serde_json::Value;

/// What happens to one call instead of the proper answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// Done and answered, with an echo that nobody sent.
    WrongEcho,
    /// Done and answered, without any echo.
    NoEcho,
    /// Done; the answer waits for [`super::FakeOneBot::release`].
    Hold,
    /// Done; never answered.
    NoAnswer,
    /// Done; the answer comes after the one to the next call.
    AfterNext,
    /// Done; the answer comes twice.
    AnswerTwice,
    /// Done; the answer is cut in the middle and so no JSON.
    Malformed,
    /// Done; the answer comes in a binary frame.
    BinaryFrame,
    /// Done; answered as queued: status `async`, retcode 1, no data.
    Queued,
    /// Not done and not recorded: the socket is reset as if the call had never been read.
    DropUnread,
    /// Done and recorded; then the socket is reset instead of an answer.
    DropAfterRead,
    /// Answered as failed.
    Fail {
        /// The code.
        retcode: i64,
        /// The text, where the dialect has texts.
        text: String,
        /// Whether it was done nevertheless, so that the message stands in the chat.
        delivered: bool,
    },
    /// A streamed download has letters in its second chunk that are no base64.
    BrokenChunk,
    /// A streamed download leaves its second chunk out, so that the indices have a gap.
    LostChunk,
    /// A streamed download ends after its first chunk with a failure.
    CutStream,
    /// Not done; answered as successful with this data.
    Data(Value),
}

impl Fault {
    /// A failure with this code and text; nothing was done.
    pub fn retcode(retcode: i64, text: &str) -> Self {
        Self::Fail { retcode, text: text.to_owned(), delivered: false }
    }

    /// `NapCat`: QQ refused the upload of the picture.
    pub fn rich_media_failed() -> Self {
        Self::retcode(1200, &send_failure("EventChecker Failed: NTEvent", -1, "rich media transfer failed"))
    }

    /// `NapCat`: QQ did not confirm in time. `delivered` says what really happened; the application can't know.
    pub fn send_timeout(delivered: bool) -> Self {
        Self::Fail { retcode: 1200, text: send_failure("Timeout: NTEvent", 0, ""), delivered }
    }

    /// `NapCat`: the bot is muted in this group.
    pub fn muted() -> Self {
        Self::retcode(1200, &send_failure("EventChecker Failed: NTEvent", 120, ""))
    }

    /// `NapCat`: the bot is no longer in this group.
    pub fn removed_from_group() -> Self {
        let text = "发送失败，你已被移出该群，请重新加群。";
        Self::retcode(1200, &send_failure("EventChecker Failed: NTEvent", 110, text))
    }

    /// `NapCat`: the path or url of a picture can't be read from where the implementation runs.
    pub fn url_not_recognised(uri: &str) -> Self {
        Self::retcode(1200, &format!("文件处理失败: 识别URL失败, uri= {uri}"))
    }

    /// The action does not exist, as `NapCat` and `LLBot` say it.
    pub fn no_such_action(action: &str) -> Self {
        Self::retcode(1404, &format!("不支持的Api {action}"))
    }
}

fn send_failure(start: &str, result: i64, text: &str) -> String {
    format!(
        "{start} serviceAndMethod:NodeIKernelMsgService/sendMsg \
         ListenerName:NodeIKernelMsgListener/onMsgInfoListUpdate EventRet:\n{{\n    \"result\": {result},\n    \
         \"errMsg\": \"{text}\"\n}}\n"
    )
}

/// A fault and the calls that it waits for.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) action: String,
    pub(super) times: usize,
    pub(super) fault: Fault,
}

/// Takes the fault that the next call of `action` meets.
pub(super) fn take(rules: &mut Vec<Rule>, action: &str) -> Option<Fault> {
    let index =
        rules.iter().position(|rule| rule.times > 0 && (rule.action == action || rule.action == "*"))?;
    let rule = rules.get_mut(index)?;
    rule.times -= 1;
    if rule.times > 0 { Some(rule.fault.clone()) } else { Some(rules.remove(index).fault) }
}
