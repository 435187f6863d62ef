//! Whether the webhooks of forges arrive.

use super::Check;
use crate::backend::Backend;
use crate::backend::remote::Remote;
use crate::domain::delivery::{DeliveryLog, DeliveryResult, DeliveryTotal};

const WHAT: &str = "webhooks";

/// One line if any webhook came since the engine started.
pub(super) async fn check(backend: &Remote) -> Option<Check> {
    // An older engine has none.
    told(&backend.deliveries().await.ok()?)
}

fn told(log: &DeliveryLog) -> Option<Check> {
    // Anybody can send what is refused: that says something only while nothing else comes from that forge.
    if let Some(DeliveryTotal { forge, refused, .. }) =
        log.totals.iter().find(|total| total.taken == 0 && total.refused > 0)
    {
        let why = DeliveryResult::Refused.sentence();
        let found = format!("{refused} from {forge} and none was taken: {why}");
        let remedy = format!(
            "give {forge} the secret that server.toml names for it, and run: trunkline engine restart"
        );
        return Some(Check::wrong(WHAT, found, remedy));
    }
    let last = log.taken.first()?;
    let (at, forge) = (last.at.format("%Y-%m-%d %H:%M UTC"), last.forge);
    let number = match log.totals.iter().map(|total| total.taken).sum::<u64>() {
        // An engine before this program does not count them.
        0 => "the last".to_owned(),
        1 => "1".to_owned(),
        count => format!("{count}, the last"),
    };
    let refused = match log.refused_total {
        0 => String::new(),
        count => format!("; {count} more were refused: the signature was missing or wrong"),
    };
    let found = format!("{number} from {forge} at {at}: {}{refused}", last.result.sentence());
    if last.result == DeliveryResult::Unreadable {
        let remedy = format!("set the content type of the webhook of {forge} to JSON");
        return Some(Check::wrong(WHAT, found, remedy));
    }
    Some(Check::fine(WHAT, found))
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};

    use super::*;
    use crate::domain::delivery::{WebhookDelivery, WebhookForge};

    fn log(sent: &[(WebhookForge, DeliveryResult)]) -> DeliveryLog {
        let mut log = DeliveryLog::default();
        let mut at = DateTime::from_timestamp(1_795_403_642, 0).unwrap();
        for (forge, result) in sent {
            at += TimeDelta::seconds(1);
            let (forge, result) = (*forge, *result);
            log.add(WebhookDelivery { at, forge, id: "x".into(), result }, 50);
        }
        log
    }

    #[test]
    fn strangers_make_nothing_wrong_and_a_forge_of_which_nothing_is_taken_is() {
        use DeliveryResult::{Refused, Unreadable, Woke};
        use WebhookForge::{Github, Gitlab};
        assert!(told(&log(&[])).is_none());
        let fine = |sent: &[_]| {
            let told = told(&log(sent)).unwrap();
            assert_eq!(told.remedy, None, "{}", told.found);
            told.found
        };
        let alone = fine(&[(Github, Woke)]);
        assert!(alone.starts_with("1 from github at ") && alone.ends_with(" now"), "{alone}");
        let many = fine(&[(Github, Woke); 60]);
        assert!(many.starts_with("60, the last from github at "), "{many}");
        let beside = fine(&[(Github, Refused), (Github, Woke), (Github, Refused)]);
        assert!(beside.ends_with("; 2 more were refused: the signature was missing or wrong"));

        let wrong = |sent: &[_]| {
            let told = told(&log(sent)).unwrap();
            (told.found, told.remedy.unwrap())
        };
        let mut pushed_out = vec![(Gitlab, Woke)];
        pushed_out.extend([(Github, Woke); 60]);
        pushed_out.push((Gitlab, Refused));
        assert!(fine(&pushed_out).contains("61, the last from github"), "it was taken once");
        let (found, remedy) = wrong(&[(Github, Woke), (Gitlab, Refused), (Gitlab, Refused)]);
        assert!(found.starts_with("2 from gitlab and none was taken: the signature is"), "{found}");
        assert!(remedy.contains("secret"));
        assert!(wrong(&[(Github, Unreadable)]).1.contains("JSON"));
    }
}
