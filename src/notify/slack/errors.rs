//! What Slack's errors mean: whether to try again, and what somebody has to do.

/// Whether it may go well later without another message, and a sentence. What somebody can correct at Slack or in the
/// operator's file is tried again for a while.
pub(super) fn meaning(name: &str) -> (bool, String) {
    let (retry, what) = match name {
        "not_authed" | "invalid_auth" | "token_revoked" | "token_expired" | "account_inactive" => {
            (true, "Slack does not take the token: make a new one and put it where token says")
        }
        "missing_scope" | "no_permission" | "not_allowed_token_type" => {
            (true, "the app lacks a permission: add the scope, install the app again")
        }
        "channel_not_found" => (
            true,
            "the channel is not there or is private: correct its id, or invite the app to it",
        ),
        "not_in_channel" => (true, "the app is not in the channel: /invite it there"),
        "is_archived" | "is_inactive" => {
            (false, "the channel is archived: name another one in channels")
        }
        "restricted_action" | "user_is_restricted" | "ekm_access_denied" => {
            (false, "the workspace does not let the app do that: ask who administers it")
        }
        "msg_too_long" | "too_long" | "no_text" | "metadata_too_large" | "invalid_blocks" => {
            (false, "the text is none that Slack takes: shorten the template")
        }
        "thread_not_found" | "message_not_found" => {
            (false, "the message is gone: somebody deleted it at Slack")
        }
        "cant_update_message" | "edit_window_closed" => (
            false,
            "Slack does not let the app change the message: look at its settings for editing",
        ),
        "service_unavailable" | "team_added_to_org" => (true, "Slack is not available now"),
        _ => (false, "trunkline does not know that error: see api.slack.com"),
    };
    (retry, format!("Slack answers {name}: {what}"))
}
