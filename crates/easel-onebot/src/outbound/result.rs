//! What a refusal means. The texts are those of NapCat, LLOneBot, Lagrange and go-cqhttp; this is the only place that
//! compares them.

use easel_core::ports::SendFailure;

/// Part of the reason when the implementation can't open a path; the adapter then stops using paths there.
pub(crate) const PATH_UNREADABLE: &str = "the implementation cannot read the path";

/// The reason when a group muted the account; the adapter then remembers it.
pub(crate) const MUTED: &str = "the account is muted there";

/// The reason when a group has removed the account; the adapter then remembers it.
pub(crate) const NOT_A_MEMBER: &str = "the account is not a member there";

/// Why an action did not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ActionFailure {
    /// The implementation has no such action.
    Absent,
    /// It may have worked all the same.
    Unknown(String),
    /// It certainly did not.
    Refused(SendFailure, String),
}

/// Judges a refusal by code and text.
pub(crate) fn judge(retcode: i64, text: &str) -> ActionFailure {
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let reason = |what: &str| format!("{what} (retcode {retcode})");
    // NapCat answers an unknown action with 1404 on sockets and with 200 and a text over HTTP.
    if matches!(retcode, 1404 | 404 | 10002) || has(&["不支持的Api", "不支持的api", "API_NOT_FOUND"])
    {
        return ActionFailure::Absent;
    }
    if has(&["rich media transfer failed"]) {
        return ActionFailure::Refused(SendFailure::Transient, reason("the upload to QQ failed"));
    }
    if has(&["识别URL失败", "ENOENT", "EACCES"]) {
        return ActionFailure::Refused(SendFailure::Transient, reason(PATH_UNREADABLE));
    }
    // Lagrange passes on QQ's own code, which stands in the text of the others.
    if retcode == 120 || has(&["\"result\": 120", "\"result\":120", "禁言", "MUTED"]) {
        return ActionFailure::Refused(SendFailure::Forbidden, reason(MUTED));
    }
    if retcode == 110
        || has(&["\"result\": 110", "\"result\":110", "移出", "GROUP_NOT_FOUND", "不是好友", "被拉黑"])
    {
        return ActionFailure::Refused(SendFailure::Forbidden, reason(NOT_A_MEMBER));
    }
    // After the listener of NapCat's kernel timed out, the message may be in the chat or not.
    if has(&["Timeout: NTEvent", "timeout", "Timeout", "timed out", "ETIMEDOUT", "超时"]) {
        return ActionFailure::Unknown(reason("the implementation ran out of time"));
    }
    if has(&["unsupported file type", "文件过大", "图片过大", "too large", "too big", "图片大小"])
    {
        return ActionFailure::Refused(SendFailure::Picture, reason("QQ does not take this picture"));
    }
    if retcode == 1403 || retcode == 403 {
        return ActionFailure::Refused(SendFailure::Permanent, reason("the token was refused"));
    }
    if has(&["SEND_MSG_API_ERROR"]) {
        return ActionFailure::Refused(
            SendFailure::Transient,
            reason("QQ refused the message, usually risk control"),
        );
    }
    ActionFailure::Refused(SendFailure::Permanent, reason("the implementation refused"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_apart() {
        #[track_caller]
        fn check(retcode: i64, text: &str, expected: Option<SendFailure>) {
            match judge(retcode, text) {
                ActionFailure::Refused(failure, reason) => {
                    assert_eq!(Some(failure), expected, "{text}");
                    assert!(reason.contains(&retcode.to_string()));
                }
                ActionFailure::Unknown(_) => assert_eq!(expected, None, "{text}"),
                ActionFailure::Absent => panic!("absent: {text}"),
            }
        }
        check(1200, "Timeout: NTEvent serviceAndMethod:NodeIKernelMsgService/sendMsg", None);
        check(1200, "发送超时", None);
        check(100, "context deadline: request timed out", None);
        check(1200, "connect ETIMEDOUT 10.0.0.1:443", None);
        check(
            1200,
            "EventChecker Failed: … \"errMsg\": \"rich media transfer failed\"",
            Some(SendFailure::Transient),
        );
        check(1200, "EventRet:\n{\n    \"result\": 120,\n", Some(SendFailure::Forbidden));
        check(
            1200,
            "\"result\": 110,\n \"errMsg\": \"发送失败，你已被移出该群\"",
            Some(SendFailure::Forbidden),
        );
        check(110, "", Some(SendFailure::Forbidden));
        check(120, "", Some(SendFailure::Forbidden));
        check(1200, "文件处理失败: 识别URL失败, uri= /x.png", Some(SendFailure::Transient));
        check(1200, "ENOENT: no such file or directory, open 'x.png'", Some(SendFailure::Transient));
        check(1200, "消息体无法解析, 请检查是否发送了不支持的消息类型", Some(SendFailure::Permanent));
        check(100, "SEND_MSG_API_ERROR", Some(SendFailure::Transient));
        check(100, "GROUP_NOT_FOUND", Some(SendFailure::Forbidden));
        check(1200, "unsupported file type", Some(SendFailure::Picture));
        check(1400, "Schema compilation error: Required property", Some(SendFailure::Permanent));
        check(-1, "mock adapter: getMessage not implemented", Some(SendFailure::Permanent));
    }

    #[test]
    fn absent_actions_are_recognised() {
        for (retcode, text) in
            [(1404, "不支持的Api x"), (404, ""), (200, "不支持的Api nope"), (10002, "不支持的动作")]
        {
            assert_eq!(judge(retcode, text), ActionFailure::Absent, "{retcode} {text}");
        }
    }
}
