//! The command with its help: every page has examples and the exit codes.

use clap::{Command, CommandFactory as _};

use super::CliArgs;

const DONE_OR_NOT: &str = "0 done, 1 failed or not possible now, 2 usage or configuration";
const REFUSED: &str = "3 refused";
const CHANGED: &str = "4 the service has changed since the plan (plan again)";
const INTERRUPTED: &str = "130 Ctrl-C ended the waiting; the deployment goes on";

/// What stands at the end of a command's help.
struct Ending {
    /// The words of the command.
    command: &'static str,
    /// Without the program's name.
    examples: &'static [&'static str],
    /// Beside those of every command.
    exit_codes: &'static [&'static str],
}

const fn ending(command: &'static str, examples: &'static [&'static str]) -> Ending {
    Ending { command, examples, exit_codes: &[] }
}

const fn acting(command: &'static str, examples: &'static [&'static str]) -> Ending {
    Ending { command, examples, exit_codes: &[REFUSED] }
}

const ENDINGS: &[Ending] = &[
    ending("console", &["console --service shop"]),
    ending("demo", &["demo", "demo --reset"]),
    ending("init", &["init", "init --trunk main --service shop", "init --clone"]),
    ending("serve", &["serve", "serve --check", "serve --listen 127.0.0.1:8443"]),
    ending("engine", &["engine status", "engine restart"]),
    ending("engine status", &["engine status --json"]),
    ending("engine stop", &["engine stop"]),
    ending("engine restart", &["engine restart"]),
    ending(
        "login",
        &[
            "login https://deploys.example.org",
            "login https://10.0.0.5:8443 --profile prod --ca our-ca.pem",
        ],
    ),
    ending("logout", &["logout --profile prod"]),
    ending("whoami", &["whoami", "whoami --profile prod --json"]),
    ending("token", &["token list"]),
    acting(
        "token create",
        &[
            "token create raj-laptop --role deployer --as raj --expires 90d",
            "token create ci --role viewer --as ci --service shop --service search",
        ],
    ),
    acting("token list", &["token list", "token list --json"]),
    acting("token revoke", &["token revoke raj-laptop"]),
    ending("link", &["link d57", "link '#1290' --expires 1d", "link --browser"]),
    ending("keys", &["keys", "keys --json"]),
    ending("keys check", &["keys check", "keys check ./keys.toml"]),
    ending("status", &["status", "status --service shop --json"]),
    ending("builds", &["builds", "builds -n 100 --json"]),
    ending(
        "history",
        &["history", "history staging -n 50", "history --since 2d", "history --before d57"],
    ),
    ending("stats", &["stats", "stats --days 90 --json"]),
    ending("changes", &["changes 1290", "changes --rollback"]),
    ending("where", &["where 3f9ac21", "where HEAD", "where v2.1 --json"]),
    ending("plan", &["plan promote 1290", "plan rollback", "plan retry 1290"]),
    ending("plan promote", &["plan promote 1290"]),
    ending("plan rollback", &["plan rollback", "plan rollback 1286"]),
    ending("plan retry", &["plan retry 1290", "plan retry 1290 --production"]),
    Ending {
        command: "promote",
        examples: &[
            "promote 1290",
            "promote 1290 --yes --wait --reason author=\"alone on call\" --reason soak=\"hotfix\"",
        ],
        exit_codes: &[REFUSED, CHANGED, INTERRUPTED],
    },
    Ending {
        command: "rollback",
        examples: &["rollback", "rollback 1286 --yes --wait"],
        exit_codes: &[REFUSED, CHANGED, INTERRUPTED],
    },
    Ending {
        command: "retry",
        examples: &["retry 1290", "retry 1290 --yes --wait", "retry 1290 --production"],
        exit_codes: &[REFUSED, CHANGED, INTERRUPTED],
    },
    acting("rehearse", &["rehearse", "rehearse --wait"]),
    acting(
        "cancel",
        &[
            "cancel d57 --reason \"wrong build\"",
            "cancel d57 --give-up --reason \"GitHub does not end it\"",
        ],
    ),
    acting(
        "continue",
        &[
            "continue d57 --after 1",
            "continue d57 --after 1 --reason \"errors are of another service\"",
        ],
    ),
    acting("build", &["build --now"]),
    ending(
        "incident",
        &["incident list", "incident open \"checkout answers 500\" --severity SEV-2"],
    ),
    acting(
        "incident open",
        &[
            "incident open \"checkout answers 500\" --severity SEV-2 --users-affected yes",
            "incident open \"search is slow\" --severity SEV-3 --rollback d57",
        ],
    ),
    acting(
        "incident update",
        &[
            "incident update \"errors are down to 1 %\"",
            "incident update \"support called\" --at 20m --detected",
        ],
    ),
    acting("incident resolve", &["incident resolve \"rolled back to #11; the errors are gone\""]),
    acting("incident reopen", &["incident reopen i123 --reason \"the errors are back\""]),
    acting(
        "incident not-affected",
        &["incident not-affected --note \"the error rate never moved\""],
    ),
    ending("incident list", &["incident list", "incident list --json"]),
    acting(
        "incident postmortem",
        &[
            "incident postmortem i123 --file postmortem-i123.md",
            "incident postmortem i123 --issue",
            "incident postmortem i123 --written https://wiki.example.org/i123",
        ],
    ),
    ending("incident show", &["incident show i123", "incident show --json"]),
    acting("tick", &["tick", "tick 2"]),
    acting("untick", &["untick 2"]),
    acting("adopt", &["adopt 3f9ac21", "adopt 3f9ac21 --reason \"deployed by hand\""]),
    acting("verify", &["verify 1290 --note \"clicked through the shop\""]),
    acting(
        "hold",
        &[
            "hold --reason \"the database moves\"",
            "hold staging --reason \"tests\"",
            "hold --all --reason \"the database burns\"",
        ],
    ),
    ending("may", &["may promote shop"]),
    Ending {
        command: "may promote",
        examples: &["may promote shop", "may promote shop --json"],
        exit_codes: &[REFUSED],
    },
    acting(
        "note",
        &[
            "note flag \"search-v2 to 100 %\" --undo \"flagctl set search-v2 0\"",
            "note infra \"ran break-glass/shop.txt\" --at 20m --service all",
        ],
    ),
    Ending {
        command: "ask",
        examples: &["ask 1290 --note \"please, I wrote it\""],
        exit_codes: &[REFUSED, CHANGED],
    },
    ending("requests", &["requests", "requests --json"]),
    acting("withdraw", &["withdraw --reason \"not needed any more\""]),
    acting(
        "release",
        &[
            "release --reason \"it has moved\"",
            "release --bad 3f9ac21 --reason \"it loses orders\"",
            "release --none-bad --reason \"it was a drill\"",
        ],
    ),
    ending("quarantine", &["quarantine list"]),
    ending("quarantine list", &["quarantine list --json"]),
    acting("quarantine add", &["quarantine add 3f9ac21 --reason \"it loses orders\""]),
    acting("quarantine clear", &["quarantine clear 3f9ac21 --reason \"fixed elsewhere\""]),
    ending("freeze", &["freeze list", "freeze add --for 2h --reason \"the sale\""]),
    ending("freeze list", &["freeze list", "freeze list --json"]),
    ending("freeze show", &["freeze show weekend"]),
    acting(
        "freeze add",
        &[
            "freeze add --for 2h --reason \"the sale\"",
            "freeze add --from \"2026-12-24 18:00\" --until \"2026-12-27 08:00\" --reason \"holidays\"",
        ],
    ),
    acting("freeze lift", &["freeze lift --reason \"the sale is over\""]),
    ending("freeze check", &["freeze check", "freeze check --at \"2026-12-24 18:00\" --json"]),
    ending("freeze calendar", &["freeze calendar --month 2026-12"]),
    acting("lift", &["lift --reason \"the sale is over\""]),
    ending("migrations", &["migrations check --range main..feature"]),
    Ending {
        command: "migrations check",
        examples: &[
            "migrations check --range main..feature",
            "migrations check migrations/0007_add.sql --dialect postgres --strict",
        ],
        exit_codes: &["3 a migration breaks the code that runs now"],
    },
    ending("logs", &["logs --follow", "logs d57 --step release", "logs '#1290'"]),
    ending("events", &["events --follow", "events --after 1000 --json"]),
    ending("audit", &["audit --since \"2026-12-24 18:00\" --actor jane", "audit verify"]),
    ending("audit list", &["audit list --kind refused --limit 50"]),
    ending("audit export", &["audit export --format csv --output audit.csv"]),
    ending("audit verify", &["audit verify", "audit verify copy.db"]),
    ending("audit head", &["audit head"]),
    ending(
        "backup",
        &["backup /mnt/backups/trunkline.db", "backup /mnt/backups/trunkline.db --force"],
    ),
    acting("restore", &["restore /mnt/backups/trunkline.db"]),
    ending("notify", &["notify status", "notify test slack"]),
    ending("notify test", &["notify test slack", "notify test slack --channel deploys"]),
    ending("notify status", &["notify status", "notify status --json"]),
    ending("notify retry", &["notify retry 12", "notify retry --all"]),
    ending("doctor", &["doctor", "doctor --json"]),
    ending("completions", &["completions bash", "completions zsh"]),
    ending("man", &["man", "man promote", "man --write share/man/man1"]),
];

/// The command line with all its help.
pub fn command() -> Command {
    with_endings(CliArgs::command(), "")
}

fn with_endings(mut command: Command, path: &str) -> Command {
    let names: Vec<_> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    for name in names {
        let path = if path.is_empty() { name.clone() } else { format!("{path} {name}") };
        command = command.mut_subcommand(name, |sub| with_endings(sub, &path));
    }
    match ENDINGS.iter().find(|ending| ending.command == path) {
        Some(ending) => command.after_help(ending.text()),
        None => command,
    }
}

impl Ending {
    fn text(&self) -> String {
        let title = if self.examples.len() == 1 { "Example" } else { "Examples" };
        let examples: Vec<_> =
            self.examples.iter().map(|example| format!("  trunkline {example}")).collect();
        let codes: Vec<_> = [DONE_OR_NOT].iter().chain(self.exit_codes).copied().collect();
        format!("{title}:\n{}\n\nExit codes: {}", examples.join("\n"), codes.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(command: &Command, path: &str, found: &mut Vec<(String, String)>) {
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
            let path = format!("{path} {}", sub.get_name()).trim().to_owned();
            found.push((path.clone(), sub.clone().render_long_help().to_string()));
            pages(sub, &path, found);
        }
    }

    #[test]
    fn every_help_page_has_an_example_and_the_exit_codes() {
        let mut found = Vec::new();
        pages(&command(), "", &mut found);
        assert_eq!(found.len(), ENDINGS.len(), "a command without an ending, or the reverse");
        for (path, text) in found {
            assert!(
                text.contains("Example") && text.contains("Exit codes: 0 done"),
                "{path}: {text}"
            );
        }
    }

    #[test]
    fn every_example_is_one_that_the_command_line_takes() {
        for Ending { command: of, examples, .. } in ENDINGS {
            assert!(!examples.is_empty(), "{of}");
            for example in *examples {
                assert!(example.starts_with(of.split(' ').next().unwrap_or_default()), "{example}");
                let words = format!("trunkline {}", example.replace('\'', ""));
                let mut quoted = false;
                let apart = |c: char| {
                    quoted ^= c == '"';
                    c == ' ' && !quoted
                };
                let words: Vec<_> = words.split(apart).map(|word| word.replace('"', "")).collect();
                let taken = command().try_get_matches_from(&words);
                assert!(taken.is_ok(), "{example}: {:?}", taken.err());
            }
        }
    }
}
