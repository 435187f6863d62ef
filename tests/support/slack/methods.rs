//! What each method does.

use serde_json::{Value, json};

use super::{SlackChannel, SlackMessage, SlackState};

/// The most pins of a channel.
const PINS: usize = 100;

/// What a request does, and its answer, or the name of the error.
pub(super) fn done(
    state: &mut SlackState,
    method: &str,
    said: &Value,
) -> Result<Value, &'static str> {
    if method == "auth.test" {
        return Ok(json!({ "ok": true, "user": "trunkline", "team": "Acme", "bot_id": "B1" }));
    }
    let id = said["channel"].as_str().unwrap_or_default().to_owned();
    let ts = state.next_ts();
    let channel = state.channels.get_mut(&id).filter(|of| !of.is_gone);
    let channel = channel.ok_or("channel_not_found")?;
    let changes = !method.starts_with("conversations.") || method == "conversations.setTopic";
    if channel.is_archived && changes {
        return Err("is_archived");
    }
    match method {
        "chat.postMessage" => post(channel, said, &ts),
        "chat.update" => update(channel, said),
        "pins.add" | "pins.remove" => pin(channel, said, method == "pins.add"),
        "conversations.setTopic" => {
            let topic = said["topic"].as_str().unwrap_or_default();
            if topic.chars().count() > 250 {
                return Err("too_long");
            }
            topic.clone_into(&mut channel.topic);
            Ok(json!({ "ok": true }))
        }
        "conversations.info" => {
            let topic = json!({ "value": channel.topic });
            Ok(json!({ "ok": true, "channel": { "id": id, "is_member": true, "topic": topic } }))
        }
        "conversations.history" => Ok(page(channel.top().collect(), said, true)),
        "conversations.replies" => {
            let of = said["ts"].as_str().unwrap_or_default();
            let all: Vec<_> = channel.messages.iter().collect();
            let all: Vec<_> = all
                .into_iter()
                .filter(|m| m.ts == of || m.thread_ts.as_deref() == Some(of))
                .collect();
            if all.is_empty() {
                return Err("thread_not_found");
            }
            Ok(page(all, said, false))
        }
        _ => Err("unknown_method"),
    }
}

fn post(channel: &mut SlackChannel, said: &Value, ts: &str) -> Result<Value, &'static str> {
    let thread_ts = said["thread_ts"].as_str().map(str::to_owned);
    if let Some(of) = &thread_ts
        && !channel.messages.iter().any(|message| message.ts == *of)
    {
        return Err("thread_not_found");
    }
    channel.messages.push(SlackMessage {
        ts: ts.to_owned(),
        thread_ts,
        is_broadcast: said["reply_broadcast"] == true,
        texts: vec![said["text"].as_str().unwrap_or_default().to_owned()],
        metadata: said["metadata"].clone(),
    });
    Ok(json!({ "ok": true, "ts": ts }))
}

fn update(channel: &mut SlackChannel, said: &Value) -> Result<Value, &'static str> {
    let message = named(channel, &said["ts"])?;
    message.texts.push(said["text"].as_str().unwrap_or_default().to_owned());
    Ok(json!({ "ok": true, "ts": said["ts"] }))
}

fn pin(channel: &mut SlackChannel, said: &Value, on: bool) -> Result<Value, &'static str> {
    let ts = named(channel, &said["timestamp"])?.ts.clone();
    let at = channel.pins.iter().position(|pin| *pin == ts);
    match (on, at) {
        (true, Some(_)) => Err("already_pinned"),
        (false, None) => Err("no_pin"),
        (true, None) if channel.pins.len() >= PINS => Err("too_many_pins"),
        (true, None) => {
            channel.pins.push(ts);
            Ok(json!({ "ok": true }))
        }
        (false, Some(at)) => {
            channel.pins.remove(at);
            Ok(json!({ "ok": true }))
        }
    }
}

fn named<'a>(
    channel: &'a mut SlackChannel,
    ts: &Value,
) -> Result<&'a mut SlackMessage, &'static str> {
    let mut all = channel.messages.iter_mut();
    all.find(|message| *ts == *message.ts).ok_or("message_not_found")
}

/// A page of messages: the newest first in a channel, the oldest first in a thread.
fn page(mut all: Vec<&SlackMessage>, said: &Value, newest_first: bool) -> Value {
    let number = |name: &str| said[name].as_str().and_then(|text| text.parse::<f64>().ok());
    let oldest = number("oldest").unwrap_or_default();
    all.retain(|message| message.ts.parse::<f64>().unwrap_or_default() >= oldest);
    if newest_first {
        all.reverse();
    }
    let from = said["cursor"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0_usize);
    // A page may be shorter than asked for.
    let limit = said["limit"].as_str().and_then(|text| text.parse().ok());
    let limit = limit.unwrap_or(100_usize).min(20);
    let shown = all.iter().skip(from).take(limit).map(|message| {
        let mut shown = json!({ "ts": message.ts, "text": message.text() });
        if said["include_all_metadata"] == "true" {
            shown["metadata"] = message.metadata.clone();
        }
        shown
    });
    let shown = shown.collect::<Vec<_>>();
    let more = from + limit < all.len();
    let next = if more { (from + limit).to_string() } else { String::new() };
    json!({ "ok": true, "messages": shown, "has_more": more, "response_metadata": { "next_cursor": next } })
}
